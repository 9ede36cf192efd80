const least = 128
const most = 32_768

/** Key groups where nobody says: one and a half times the parallelism, rounded up to a power of two, from 128 to 32768 (as in Flink's KeyGroupRangeAssignment). */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = parallelism + Math.floor(parallelism / 2)
  return Math.min(Math.max(2 ** Math.ceil(Math.log2(wanted)), least), most)
}
