package peer.flink;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.configuration.*;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.runtime.checkpoint.*;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.minicluster.*;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Runs one query a number of times in one JVM and prints a JSON line for each time. */
public final class Main {
    static final int REPEATS_MAX = 200;

    public static void main(String[] args) throws Exception {
        long jvmStart = ManagementFactory.getRuntimeMXBean().getStartTime();
        Map<String, String> o = new HashMap<>();
        for (int k = 1; k + 1 < args.length; k += 2) o.put(args[k].replaceFirst("^--", ""), args[k + 1]);
        String backend = o.getOrDefault("backend", "heap"), ckpt = o.getOrDefault("checkpoint-ms", "1000");
        int n = Integer.parseInt(o.getOrDefault("events", "1000000")), p = Integer.parseInt(o.getOrDefault("parallelism", "1"));
        int seed = Integer.parseInt(o.getOrDefault("seed", "42")), repeat = Integer.parseInt(o.getOrDefault("repeat", "2"));
        int rate = Integer.parseInt(o.getOrDefault("events-per-ms", "10")), perSecond = Integer.parseInt(o.getOrDefault("pace", "0"));
        int warmMillis = (int) (1000 * Double.parseDouble(o.getOrDefault("warm-seconds", "0")));
        String queries = args[0];
        Keys keys = new Keys(Integer.parseInt(o.getOrDefault("keys", "100000")), o.getOrDefault("distribution", "uniform"),
            Integer.parseInt(o.getOrDefault("row-bytes", "0")), "on".equals(o.get("fill")));
        int warmUp = Integer.parseInt(o.getOrDefault("warm-up-ms", "0"));
        Dirty dirty = new Dirty(keys.count, Double.parseDouble(o.getOrDefault("dirty", "1")), warmUp + Integer.parseInt(o.getOrDefault("duration-ms", "0")));
        Row.checksum = !"off".equals(o.get("checksum"));
        Path tmp = Files.createTempDirectory("peer-flink-");

        Configuration conf = new Configuration();
        conf.set(PipelineOptions.OBJECT_REUSE, true);
        conf.set(PipelineOptions.GENERIC_TYPES, false);
        conf.set(StateBackendOptions.STATE_BACKEND, backend.equals("rocksdb") ? "rocksdb" : "hashmap");
        conf.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        conf.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, tmp.resolve("checkpoints").toUri().toString());
        conf.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        conf.setString("web.checkpoints.history", "10000");
        conf.setString("io.tmp.dirs", tmp.resolve("work").toString());
        conf.setString("state.backend.rocksdb.localdir", tmp.resolve("rocksdb").toString());
        conf.setString("state.backend.rocksdb.timer-service.factory", "heap");
        conf.setString("state.backend.rocksdb.use-bloom-filter", "true");
        conf.setString("taskmanager.memory.managed.size", backend.equals("rocksdb") ? "1024m" : "32m");
        conf.setString("taskmanager.memory.network.min", "128m");
        conf.setString("taskmanager.memory.network.max", "128m");
        conf.setString("restart-strategy.type", queries.equals("recovery") ? "fixed-delay" : "none");
        if (queries.equals("recovery")) { conf.setString("restart-strategy.fixed-delay.attempts", "3"); conf.setString("restart-strategy.fixed-delay.delay", "0 s"); }
        o.forEach((k, v) -> { if (k.startsWith("conf.")) conf.setString(k.substring(5), v); });
        Files.createDirectories(tmp.resolve("work"));
        Files.createDirectories(tmp.resolve("rocksdb"));

        try (MiniCluster cluster = new MiniCluster(new MiniClusterConfiguration.Builder().setConfiguration(conf)
                .setNumTaskManagers(1).setNumSlotsPerTaskManager(p).withRandomPorts().build())) {
            cluster.start();
            for (String query : queries.split(",")) for (int run = 0, warm = 0; run < repeat || warm < warmMillis && run < REPEATS_MAX; run++) {
                System.gc();
                Stats.reset();
                StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(p, conf);
                env.setParallelism(p);
                if (!ckpt.equals("off")) env.enableCheckpointing(Long.parseLong(ckpt), CheckpointingMode.EXACTLY_ONCE);
                DataStream<Event> events = env.fromSource(source(query, n, seed, rate, perSecond, keys, dirty),
                    WatermarkStrategy.forMonotonousTimestamps(), "events", Queries.EVENT);
                Queries.build(query, events, n, keys).sinkTo(new ChecksumSink(query.equals("latency")));
                JobGraph graph = env.getStreamGraph().getJobGraph();
                JobID id = graph.getJobID();
                long t0 = System.nanoTime();
                cluster.submitJob(graph).get();
                JobResult result = cluster.requestJobResult(id).get();
                double execute = (System.nanoTime() - t0) / 1e9;
                if (result.getSerializedThrowable().isPresent()) throw result.getSerializedThrowable().get();
                CheckpointStatsSnapshot snap = cluster.getExecutionGraph(id).get().getCheckpointStatsSnapshot();
                print(o, query, backend, ckpt, n, p, seed, run, execute, snap, jvmStart);
                if (run > 0) warm += (int) ((Stats.endNanos - Stats.startNanos) / 1_000_000);
            }
            if (o.containsKey("idle-ms")) Thread.sleep(Long.parseLong(o.get("idle-ms")));
        } finally { delete(tmp); }
        System.exit(0);
    }

    static GenSource source(String query, int n, int seed, int rate, int perSecond, Keys keys, Dirty dirty) {
        int kind = Queries.sourceKind(query);
        // The events that are counted come behind those that fill.
        GenSource source = new GenSource(kind, kind == Event.REC ? n + keys.filling : n, seed, rate, perSecond);
        if (kind == Event.REC) source.keys = keys;
        if (kind == Event.DIRTY) source.dirty = dirty;
        return source;
    }

    static void print(Map<String, String> o, String query, String backend, String ckpt, int n, int p, int seed, int run, double execute, CheckpointStatsSnapshot snap, long jvmStart) throws IOException {
        double seconds = (Stats.endNanos - Stats.startNanos) / 1e9;
        long completed = 0, size = 0; List<Long> ms = new ArrayList<>();
        if (snap != null) {
            completed = snap.getCounts().getNumberOfCompletedCheckpoints();
            long from = Stats.filledMillis + Integer.parseInt(o.getOrDefault("warm-up-ms", "0"));
            for (AbstractCheckpointStats s : snap.getHistory().getCheckpoints()) if (s.getStatus() == CheckpointStatsStatus.COMPLETED && s.getTriggerTimestamp() >= from) { ms.add(s.getEndToEndDuration()); size = Math.max(size, s.getStateSize()); }
            Collections.sort(ms);
        }
        StringBuilder b = new StringBuilder("{\"engine\":\"flink\"");
        put(b, "query", query); put(b, "backend", backend); put(b, "parallelism", p); put(b, "events", n); put(b, "seed", seed); put(b, "checkpointMs", ckpt);
        put(b, "repeat", run); put(b, "warm", run > 0); put(b, "seconds", round(seconds)); put(b, "executeSeconds", round(execute)); put(b, "eventsPerSecond", Math.round(n / seconds));
        put(b, "outputs", Stats.outputs.get()); put(b, "count", Stats.rows.get());
        put(b, "checksum", Row.checksum ? String.format("%08x", Stats.sum.get()) : "off");
        put(b, "checkpointsCompleted", completed); put(b, "checkpointMsMedian", ms.isEmpty() ? 0 : ms.get(ms.size() / 2)); put(b, "checkpointBytesMax", size);
        put(b, "peakRssMb", peakRss());
        if (query.equals("dirty")) {
            put(b, "recordsPerSecond", Math.round(Stats.emitted.sum() * 1e9 / (Stats.endNanos - Stats.filledNanos)));
            put(b, "checkpointDurationsMs", ms);
        }
        if (run == 0) put(b, "jvmStartToFirstOutputMs", Stats.firstOutputMillis - jvmStart);
        if (Stats.failedNanos != 0) put(b, "recoveryMs", (Stats.recoveredNanos - Stats.failedNanos) / 1_000_000);
        if (query.equals("latency")) {
            long[] l = Arrays.copyOf(Stats.latencies, Stats.latencyCount);
            Arrays.sort(l);
            put(b, "p50us", l[(int) (l.length * 0.5)] / 1000); put(b, "p99us", l[(int) (l.length * 0.99)] / 1000); put(b, "p999us", l[(int) (l.length * 0.999)] / 1000); put(b, "maxus", l[l.length - 1] / 1000);
        }
        System.out.println(b.append('}'));
        System.out.flush();
    }
    static void put(StringBuilder b, String k, Object v) { b.append(",\"").append(k).append("\":").append(v instanceof String ? "\"" + v + "\"" : v.toString()); }
    static double round(double s) { return Math.round(s * 1000) / 1000.0; }
    static long peakRss() throws IOException {
        for (String l : Files.readAllLines(Paths.get("/proc/self/status"))) if (l.startsWith("VmHWM:")) return Long.parseLong(l.replaceAll("[^0-9]", "")) / 1024;
        return 0;
    }
    static void delete(Path p) throws IOException {
        try (var s = Files.walk(p)) { s.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete); }
    }
}
