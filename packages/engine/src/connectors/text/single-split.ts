import { FixedSplits } from '../fixed-splits.ts'
import type { EnumeratorContext, Split, SplitEnumerator } from '../source.ts'

/** For input that one subtask reads and that cannot be read again: there is nothing to remember about it. */
export function singleSplit(context: EnumeratorContext, id: string): SplitEnumerator {
  return new FixedSplits<Split>(context, { initial: () => [{ id }] })
}
