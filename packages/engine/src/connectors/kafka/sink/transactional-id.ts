/**
 * Names of transactional ids: `<prefix>-<subtask>-<attempt>-<run>-<number>`.
 *
 * The run is random, new with each writer. So no writer ever takes an id that another one had, whatever became of it: an id that holds a
 * prepared transaction is never initialised by anybody.
 */
export interface TransactionalIdName {
  readonly subtask: number
  readonly attempt: number
  readonly run: string
  readonly number: number
}

/** The prefix of a sink that was given none. No job's name has a slash, so that no two sinks of any jobs have the same: with another mark in between `a-b` and `c` would have that of `a` and `b-c`. */
export function ownPrefix(jobName: string, stateId: string): string {
  return `${jobName}/${stateId}`
}

export function transactionalIdOf(prefix: string, { subtask, attempt, run, number }: TransactionalIdName): string {
  return `${prefix}-${subtask}-${attempt}-${run}-${number}`
}

/** What an id was made of, or undefined if this prefix is not its own: 'orders' is none of 'orders-2-0-1-0a1b2c3d-0'. */
export function parseTransactionalId(prefix: string, id: string): TransactionalIdName | undefined {
  if (!id.startsWith(`${prefix}-`)) return undefined
  const match = /^(\d{1,9})-(\d{1,15})-([0-9a-f]{8})-(\d{1,15})$/.exec(id.slice(prefix.length + 1))
  if (match === null) return undefined
  const [, subtask, attempt, run, number] = match as unknown as [string, string, string, string, string]
  return { subtask: Number(subtask), attempt: Number(attempt), run, number: Number(number) }
}
