package peer.flink;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;

/** Which keys the records of `count` have, and what is kept of each: SPEC.md, section 5. */
final class Keys implements Serializable {
    final int count, rowBytes;
    /** 0: each key as often as any other. */
    final double exponent;
    /** So many records come first, one of each key. */
    final int filling;

    Keys(int count, String distribution, int rowBytes, boolean fill) {
        this.count = count;
        this.rowBytes = rowBytes;
        this.filling = fill ? count : 0;
        if (!distribution.equals("uniform") && !distribution.startsWith("zipf:")) throw new IllegalArgumentException("no such distribution: " + distribution);
        this.exponent = distribution.equals("uniform") ? 0 : Double.parseDouble(distribution.substring(5));
    }

    /** Made by each reader. */
    Ranks ranks() { return exponent == 0 ? null : new Ranks(count, exponent); }

    /** Text of a key that does not compress: five letters of six bits from each word. */
    String filler(int key) {
        byte[] text = new byte[rowBytes];
        int word = 0;
        for (int at = 0; at < rowBytes; at++) {
            if (at % 5 == 0) word = Gen.mix(key + (at / 5 + 1) * Gen.G2);
            text[at] = (byte) (48 + (word & 63));
            word >>>= 6;
        }
        return new String(text, StandardCharsets.ISO_8859_1);
    }

    /** Draws ranks in proportion to 1 / (rank + 1)^exponent by rejection-inversion. `StrictMath`: the same bits as in any other engine. */
    static final class Ranks {
        final int count;
        final double exponent, low, high, near;

        Ranks(int count, double exponent) {
            this.count = count;
            this.exponent = exponent;
            low = integral(1.5) - 1;
            high = integral(count + 0.5);
            near = 2 - inverse(integral(2.5) - StrictMath.pow(2, -exponent));
        }

        /** `base`: of the event. Words from the eleventh on are drawn from. */
        int rank(int base) {
            for (int attempt = 0; ; attempt++) {
                double draw = (Gen.mix(base + 11 * Gen.G2 + attempt) & 0xFFFFFFFFL) / 4294967296.0;
                double at = high + draw * (low - high), x = inverse(at);
                double k = Math.min(Math.max(Math.floor(x + 0.5), 1), count);
                if (k - x <= near || at >= integral(k + 0.5) - StrictMath.pow(k, -exponent)) return (int) k - 1;
            }
        }
        private double integral(double x) { return (StrictMath.pow(x, 1 - exponent) - 1) / (1 - exponent); }
        private double inverse(double area) { return StrictMath.pow(1 + area * (1 - exponent), 1 / (1 - exponent)); }
    }
}
