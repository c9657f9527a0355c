import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads `overages` to its end in both ways, and shows that they agree.
 *
 * <pre>mvn -q dependency:copy-dependencies -DoutputDirectory=lib
 * java -cp 'lib/*' Overages.java</pre>
 *
 * `latest` keeps the highest revision of each key, `addedUp` adds deltas. Both may see a record twice.
 */
public class Overages {
    static final ObjectMapper JSON = new ObjectMapper();

    /** All committed records of a topic, from its beginning to its present end. */
    static List<JsonNode> records(String topic) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv().getOrDefault("METER_BROKER", "127.0.0.1:9092"),
            "isolation.level", "read_committed",
            "enable.auto.commit", false);
        List<JsonNode> found = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partitions = consumer.partitionsFor(topic).stream()
                .map(each -> new TopicPartition(topic, each.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var ends = consumer.endOffsets(partitions);
            // Compare positions, not record offsets: transaction markers take offsets too.
            while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    found.add(JSON.readTree(record.value()));
                }
            }
        }
        return found;
    }

    /** What a figure is of. */
    static String key(JsonNode record) {
        return String.join(" ", record.get("account").asText(), record.get("workspace").asText(),
            record.get("item").asText(), record.get("day").asText());
    }

    /** The current record of each key: the one with the highest revision. */
    static Map<String, JsonNode> latest(List<JsonNode> changes) {
        Map<String, JsonNode> kept = new TreeMap<>();
        for (JsonNode record : changes) {
            kept.merge(key(record), record,
                (old, now) -> now.get("revision").asLong() > old.get("revision").asLong() ? now : old);
        }
        return kept;
    }

    /** The current overage of each key, from its deltas. Sums of a day may exceed 64 bits. */
    static Map<String, BigInteger> addedUp(List<JsonNode> changes) {
        Map<String, BigInteger> totals = new TreeMap<>();
        Map<String, Long> seen = new HashMap<>();
        for (JsonNode record : changes) {
            long known = seen.getOrDefault(key(record), 0L);
            if (record.get("revision").asLong() <= known) {
                continue; // read before
            }
            if (record.get("previous_revision").asLong() == known) {
                totals.merge(key(record), record.get("delta").bigIntegerValue(), BigInteger::add);
            } else { // a gap: earlier revisions were compacted away, begin from the figure
                totals.put(key(record), record.get("overage").bigIntegerValue());
            }
            seen.put(key(record), record.get("revision").asLong());
        }
        return totals;
    }

    public static void main(String[] arguments) throws Exception {
        var changes = records(System.getenv().getOrDefault("METER_TOPIC_PREFIX", "") + "overages");
        var totals = addedUp(changes);
        BigDecimal charges = BigDecimal.ZERO; // never double: amounts are text because money is exact
        for (var figure : latest(changes).entrySet()) {
            var record = figure.getValue();
            var charge = record.get("charge");
            if (!record.get("overage").bigIntegerValue().equals(totals.get(figure.getKey()))) {
                throw new IllegalStateException(figure.getKey() + ": deltas make " + totals.get(figure.getKey()));
            }
            System.out.println(figure.getKey() + " " + record.get("overage") + " " + charge.get("amount").asText()
                + " " + charge.get("currency").asText());
            charges = charges.add(new BigDecimal(charge.get("amount").asText()));
        }
        System.out.println("charges " + charges.toPlainString());
    }
}
