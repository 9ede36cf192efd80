/** The states of a transactional id, and which may follow which. */

/** By name, as DescribeTransactions tells them: the number they have in the log, and from where each may be entered. */
const TABLE = {
  /** Known to its producer, nothing written. */
  Empty: { id: 0, from: ['Empty', 'CompleteCommit', 'CompleteAbort'], mayExpire: true },
  /** Has partitions. */
  Ongoing: { id: 1, from: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'], mayExpire: false },
  /** Decided, and told to the producer: markers are on their way until each partition has one. */
  PrepareCommit: { id: 2, from: ['Ongoing'], mayExpire: false },
  /** As PrepareCommit. From what is not ongoing where a client of transaction version 2 aborts what it has not begun: only the epoch moves. */
  PrepareAbort: { id: 3, from: ['Ongoing', 'PrepareEpochFence', 'Empty', 'CompleteCommit', 'CompleteAbort'], mayExpire: false },
  /** Every partition has its marker. */
  CompleteCommit: { id: 4, from: ['PrepareCommit'], mayExpire: true },
  CompleteAbort: { id: 5, from: ['PrepareAbort'], mayExpire: true },
  /** Unused for so long that it is forgotten: a tombstone, never a value in the log. */
  Dead: { id: 6, from: ['Empty', 'CompleteCommit', 'CompleteAbort'], mayExpire: false },
  /** Between Ongoing and PrepareAbort when the coordinator itself aborts: the epoch moves. Never in the log: both steps are one record. */
  PrepareEpochFence: { id: 7, from: ['Ongoing'], mayExpire: false },
} as const

export type TransactionStateName = keyof typeof TABLE

const byId = new Map<number, TransactionStateName>(Object.entries(TABLE).map(([name, { id }]) => [id, name as TransactionStateName]))

export const TRANSACTION_STATES: readonly TransactionStateName[] = [...byId.values()]

export function stateId(state: TransactionStateName): number {
  return TABLE[state].id
}

export function stateOfId(id: number): TransactionStateName | undefined {
  return byId.get(id)
}

export function mayFollow(from: TransactionStateName, to: TransactionStateName): boolean {
  return (TABLE[to].from as readonly TransactionStateName[]).includes(from)
}

export function mayExpire(state: TransactionStateName): boolean {
  return TABLE[state].mayExpire
}

/** Whether the transaction's end is decided and not yet known to all its partitions. */
export function isEnding(state: TransactionStateName): state is 'PrepareCommit' | 'PrepareAbort' {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}
