import { FixedSplits } from '../fixed-splits.ts'
import type { EnumeratorContext, Split, SplitEnumerator } from '../source.ts'

/**
 * For input that one subtask reads and that cannot be read again: there is nothing to remember about it. `isAnew`: whether it is another one in another process, to be read there though the former had
 * ended; in the same process it has ended still.
 */
export function singleSplit(context: EnumeratorContext, id: string, isAnew = false): SplitEnumerator {
  const initial = (): Split[] => [{ id }]
  return new FixedSplits<Split>(context, { initial, divide: (splits) => (isAnew && splits.length === 0 ? initial() : splits) })
}
