import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The race's job on Kafka Streams: the DSL, and one processor that drops exact repeats. Tuned: a streaming JSON parser,
 * compact serdes, two threads, large batches, a cache before the totals, a commit a second. Where latency is measured,
 * RACE_COMMIT_MS, RACE_LINGER_MS and RACE_POLL_MS say otherwise.
 */
public final class Race {
  static final int PARTITIONS = 4;
  static final int WORKSPACES = Integer.parseInt(given("RACE_WORKSPACES"));
  static final int ACCOUNTS = Integer.parseInt(given("RACE_ACCOUNTS"));
  static final int RANKS = WORKSPACES / ACCOUNTS;
  static final long QUOTA = Long.parseLong(given("RACE_QUOTA"));
  static final JsonFactory JSON = new JsonFactory();
  static final AtomicBoolean BEGUN = new AtomicBoolean();

  /** What of an event the job needs. */
  static final class Event {
    String id;
    String source;
    String subject;
    String time;
    String item;
    long quantity;
  }

  /** What goes through the repartition topic; the key is account/item/day. */
  record Use(String source, String id, int rank, long quantity) {}

  static String given(String name) {
    String value = System.getenv(name);
    if (value == null) throw new IllegalStateException(name + " is not set");
    return value;
  }

  static String given(String name, String usually) {
    return Optional.ofNullable(System.getenv(name)).orElse(usually);
  }

  static Event parse(byte[] line) {
    Event event = new Event();
    try (JsonParser parser = JSON.createParser(line)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "id" -> event.id = parser.getText();
          case "source" -> event.source = parser.getText();
          case "subject" -> event.subject = parser.getText();
          case "time" -> event.time = parser.getText();
          case "data" -> parseData(parser, event);
          default -> parser.skipChildren();
        }
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    return event;
  }

  static void parseData(JsonParser parser, Event event) throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      switch (name) {
        case "item" -> event.item = parser.getText();
        case "quantity" -> event.quantity = parser.getLongValue();
        default -> parser.skipChildren();
      }
    }
  }

  static final Serde<Use> USE = Serdes.serdeFrom(
      (topic, use) -> {
        byte[] source = use.source.getBytes(StandardCharsets.UTF_8);
        byte[] id = use.id.getBytes(StandardCharsets.UTF_8);
        ByteBuffer packed = ByteBuffer.allocate(11 + source.length + id.length);
        return packed.putLong(use.quantity).put((byte) use.rank).putShort((short) source.length)
            .put(source).put(id).array();
      },
      (topic, bytes) -> {
        ByteBuffer packed = ByteBuffer.wrap(bytes);
        long quantity = packed.getLong();
        int rank = packed.get();
        int length = packed.getShort();
        String source = new String(bytes, 11, length, StandardCharsets.UTF_8);
        String id = new String(bytes, 11 + length, bytes.length - 11 - length, StandardCharsets.UTF_8);
        return new Use(source, id, rank, quantity);
      });

  static final Serde<long[]> TOTALS = Serdes.serdeFrom(
      (topic, totals) -> {
        if (totals == null) return null;
        ByteBuffer packed = ByteBuffer.allocate(8 * totals.length);
        for (long total : totals) packed.putLong(total);
        return packed.array();
      },
      (topic, bytes) -> {
        if (bytes == null) return null;
        long[] totals = new long[bytes.length / 8];
        ByteBuffer.wrap(bytes).asLongBuffer().get(totals);
        return totals;
      });

  /** Forwards an event the first time that its source and id are seen. */
  static final class Once implements FixedKeyProcessor<String, Use, Use> {
    private static final byte[] SEEN = {1};
    private FixedKeyProcessorContext<String, Use> context;
    private KeyValueStore<Bytes, byte[]> seen;

    @Override
    public void init(FixedKeyProcessorContext<String, Use> context) {
      this.context = context;
      this.seen = context.getStateStore("seen");
    }

    @Override
    public void process(FixedKeyRecord<String, Use> record) {
      Use use = record.value();
      byte[] identity = (use.source + "\0" + use.id).getBytes(StandardCharsets.UTF_8);
      if (seen.putIfAbsent(Bytes.wrap(identity), SEEN) == null) context.forward(record);
    }
  }

  static KeyValue<String, Use> route(byte[] line) {
    if (!BEGUN.get() && BEGUN.compareAndSet(false, true)) {
      System.out.printf(Locale.ROOT, "FIRST %.3f%n", System.currentTimeMillis() / 1000.0);
    }
    Event event = parse(line);
    int workspace = Integer.parseInt(event.subject.substring("wksp_".length()));
    String key = "acct_" + workspace % ACCOUNTS + "/" + event.item + "/" + event.time.substring(0, 10);
    return KeyValue.pair(key, new Use(event.source, event.id, workspace / ACCOUNTS, event.quantity));
  }

  /** All of an account into one partition. */
  static Optional<Set<Integer>> partition(String key, int partitions) {
    byte[] account = key.substring(0, key.indexOf('/')).getBytes(StandardCharsets.UTF_8);
    return Optional.of(Set.of(Utils.toPositive(Utils.murmur2(account)) % partitions));
  }

  /** What the quota does not cover, in priority order; the key is account/workspace/item/day. */
  static List<KeyValue<String, String>> overages(String key, long[] usage) {
    int slash = key.indexOf('/');
    String account = key.substring(0, slash);
    String rest = key.substring(slash);
    int first = Integer.parseInt(account.substring("acct_".length()));
    long left = QUOTA;
    List<KeyValue<String, String>> told = new ArrayList<>(RANKS);
    for (int rank = 0; rank < RANKS; rank++) {
      long covered = Math.min(usage[rank], left);
      left -= covered;
      if (usage[rank] > covered) {
        String name = account + "/wksp_" + (first + rank * ACCOUNTS) + rest;
        told.add(KeyValue.pair(name, "{\"overage\":" + (usage[rank] - covered) + "}"));
      }
    }
    return told;
  }

  static Properties settings() {
    Properties settings = new Properties();
    settings.put("application.id", given("RACE_RUN"));
    settings.put("bootstrap.servers", given("RACE_BROKER"));
    settings.put("state.dir", given("RACE_DIRECTORY"));
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("num.stream.threads", "2");
    settings.put("commit.interval.ms", given("RACE_COMMIT_MS", "1000"));
    settings.put("poll.ms", given("RACE_POLL_MS", "100"));
    settings.put("statestore.cache.max.bytes", String.valueOf(64 << 20));
    settings.put("auto.offset.reset", "earliest");
    settings.put("replication.factor", "1");
    settings.put("max.poll.records", "4000");
    settings.put("buffered.records.per.partition", "2000");
    settings.put("producer.linger.ms", given("RACE_LINGER_MS", "100"));
    settings.put("producer.batch.size", String.valueOf(256 << 10));
    settings.put("producer.buffer.memory", String.valueOf(64 << 20));
    settings.put("topology.optimization", "all");
    return settings;
  }

  /** The lines: of a topic, or of all topics whose names fit RACE_PATTERN. */
  static KStream<byte[], byte[]> input(StreamsBuilder builder) {
    var lines = Consumed.with(Serdes.ByteArray(), Serdes.ByteArray());
    String pattern = System.getenv("RACE_PATTERN");
    return pattern == null
        ? builder.stream(given("RACE_INPUT"), lines)
        : builder.stream(Pattern.compile(pattern), lines);
  }

  static StreamsBuilder topology() {
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("seen"), Serdes.Bytes(), Serdes.ByteArray())
            .withLoggingEnabled(Map.of()).withCachingDisabled());
    var totals = Materialized.<String, long[], KeyValueStore<Bytes, byte[]>>as("usage")
        .withKeySerde(Serdes.String()).withValueSerde(TOTALS).withCachingEnabled();
    input(builder)
        .<String, Use>map((key, line) -> route(line))
        .repartition(Repartitioned.<String, Use>as("by-account").withKeySerde(Serdes.String()).withValueSerde(USE)
            .withNumberOfPartitions(PARTITIONS)
            .withStreamPartitioner((topic, key, use, partitions) -> partition(key, partitions)))
        .processValues(Once::new, "seen")
        .groupByKey(Grouped.with(Serdes.String(), USE))
        .aggregate(() -> new long[RANKS], (key, use, usage) -> {
          usage[use.rank] += use.quantity;
          return usage;
        }, totals)
        .toStream()
        .<String, String>flatMap(Race::overages)
        .to(given("RACE_OUTPUT"), Produced.with(Serdes.String(), Serdes.String()));
    return builder;
  }

  public static void main(String[] arguments) {
    Properties settings = settings();
    KafkaStreams streams = new KafkaStreams(topology().build(settings), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
  }
}
