/**
 * Names of requests, by which a receiver can tell that it has seen one before.
 *
 * 1. Requests for different records never have one name, unless their bodies are the same and they stand for each other.
 * 2. A request that is tried again has the name it had. One that is made again after a restart has it too, if the records come in the same order as before, one a
 *    request, at the same parallelism.
 *
 * The number alone would not do: where records come in another order, a receiver would take one for another, and it would be lost. So the body is part of the name.
 */
import { createHash } from 'node:crypto'

/** Where a writer stands among its requests; part of the checkpoint. */
export interface RequestCount {
  /** Random, new where counting begins anew: at a first start, and at another parallelism. */
  readonly series: string
  readonly subtask: number
  readonly parallelism: number
  readonly requests: number
}

export interface RequestPlace {
  readonly jobName: string
  readonly sink: string
  readonly series: string
  readonly subtask: number
  /** Of the request in the series, from 0. */
  readonly number: number
}

export function idempotencyKey({ jobName, sink, series, subtask, number }: RequestPlace, body: string | Uint8Array): string {
  const place = JSON.stringify([jobName, sink, series, subtask, number])
  return createHash('sha256').update(place).update('\n').update(body).digest('hex').slice(0, 40)
}

/** The count to go on from: the one of this subtask, where all is as it was. */
export function countToContinue(restored: readonly RequestCount[], subtask: number, parallelism: number): RequestCount | undefined {
  const own = restored.filter((count) => count.subtask === subtask && count.parallelism === parallelism)
  return own.toSorted((a, b) => b.requests - a.requests)[0]
}
