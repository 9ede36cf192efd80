package peer.flink;

import java.io.Serializable;

/** The keys of the job `dirty`: first each once, then, over and over, those that are to be dirty, which are others after each checkpoint. As bench/checkpoints/source.ts. */
final class Dirty implements Serializable {
    static final double STEP_SHARE = 0.618034;
    final int keys, durationMs;
    final double share;

    Dirty(int keys, double share, int durationMs) { this.keys = keys; this.share = share; this.durationMs = durationMs; }

    /** Of one subtask. */
    final class Walk {
        final int subtask, stride, count, dirty, step;
        int filled, hotFrom, at; long filledNanos;

        Walk(int subtask, int parallelism) {
            this.subtask = subtask;
            stride = parallelism;
            count = (keys - subtask + parallelism - 1) / parallelism;
            dirty = (int) Math.max(1, Math.round(count * share));
            step = coprime(dirty);
        }
        int next() {
            if (filled < count) { if (filled + 1 == count) { filledNanos = System.nanoTime(); Stats.filled(); } return filled++ * stride + subtask; }
            at += step;
            if (at >= dirty) at -= dirty;
            int key = hotFrom + at;
            return (key >= count ? key - count : key) * stride + subtask;
        }
        void barrier() { if (filled == count) hotFrom = (int) (((long) hotFrom + dirty) % count); }
        boolean over() { return filled == count && System.nanoTime() - filledNanos >= durationMs * 1_000_000L; }
    }

    private static int coprime(int count) {
        int step = (int) Math.max(1, Math.floor(count * STEP_SHARE));
        while (divisor(step, count) != 1) step--;
        return step;
    }
    private static int divisor(int a, int b) { return b == 0 ? a : divisor(b, a % b); }
}
