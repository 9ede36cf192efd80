import { MillraceError, type Disk } from '@millrace/core'
import { readIfPresent } from '../checkpoints/atomic-file.ts'
import { parseAbortedTransactions } from '../index/transaction-index.ts'
import type { Segment } from '../segment/segment.ts'

/** Whether the transaction index can be read: unlike the others it cannot be built from the segment alone. */
export async function transactionIndexIsSound(disk: Disk, segment: Segment): Promise<boolean> {
  const path = segment.path('txnindex')
  try {
    segment.hasAborted = parseAbortedTransactions((await readIfPresent(disk, path)) ?? new Uint8Array(0), path).length > 0
    return true
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return false
  }
}
