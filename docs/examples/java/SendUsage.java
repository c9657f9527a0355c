import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends usage of one workspace and returns when Kafka has acknowledged every record.
 *
 * <pre>mvn -q dependency:copy-dependencies -DoutputDirectory=lib
 * java -cp 'lib/*' SendUsage.java wksp_a</pre>
 *
 * A run that fails may simply be repeated: an event has the same identity and content, so it counts once.
 */
public class SendUsage {
    static final ObjectMapper JSON = new ObjectMapper();
    static final String TOPIC = System.getenv().getOrDefault("METER_TOPIC_PREFIX", "") + "usage";

    /** One event. Its id follows from what it reports, so a second attempt makes the same id. */
    static Map<String, Object> usage(String workspace, String item, long quantity, Instant at) {
        Map<String, Object> event = new LinkedHashMap<>();
        event.put("specversion", "1.0");
        event.put("id", item + "-" + quantity + "-" + at);
        event.put("source", "examples/java");
        event.put("type", "usage.recorded");
        event.put("subject", workspace);
        event.put("time", at.toString());
        event.put("data", Map.of("item", item, "quantity", quantity));
        return event;
    }

    /** The whole event as JSON in the value. */
    static ProducerRecord<String, byte[]> structured(Map<String, Object> event) throws Exception {
        return new ProducerRecord<>(TOPIC, (String) event.get("subject"), JSON.writeValueAsBytes(event));
    }

    /** Attributes in headers that begin with ce_, only the data in the value. */
    static ProducerRecord<String, byte[]> binary(Map<String, Object> event) throws Exception {
        byte[] data = JSON.writeValueAsBytes(event.get("data"));
        var record = new ProducerRecord<>(TOPIC, (String) event.get("subject"), data);
        for (var attribute : event.entrySet()) {
            if (!attribute.getKey().equals("data")) {
                byte[] value = attribute.getValue().toString().getBytes(StandardCharsets.UTF_8);
                record.headers().add("ce_" + attribute.getKey(), value);
            }
        }
        return record;
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv().getOrDefault("METER_BROKER", "127.0.0.1:9092"),
            "acks", "all",
            "enable.idempotence", true,
            "compression.type", "lz4");
        Instant minute = Instant.now().truncatedTo(ChronoUnit.MINUTES);
        var first = usage(arguments[0], "logs", 1_000_000, minute);
        var second = usage(arguments[0], "logs", 2_000_000, minute);
        // The second is a repeat: it counts once.
        var records = List.of(structured(first), structured(first), binary(second));
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
            List<Future<?>> sent = new ArrayList<>();
            for (var record : records) {
                sent.add(producer.send(record));
            }
            for (var each : sent) {
                each.get(); // throws what Kafka refused: run it again
            }
        }
        System.out.println(records.size() + " records acknowledged");
    }
}
