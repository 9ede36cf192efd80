/**
 * Runs one operator of a job on one record again, with the key and the state it had: what a crash capsule calls.
 */
import { inspect } from 'node:util'
import { nodeClock, nodeRandom } from '@millrace/core'
import { buildJob } from '../../api/build-job.ts'
import type { ErasedProcessFunction, JobFunctions } from '../../api/functions.ts'
import type { Job } from '../../api/job.ts'
import type { Params } from '../../api/params.ts'
import { decodeValue } from '../../codec/value.ts'
import { engineError } from '../../errors.ts'
import type { OperatorStateDeclarations } from '../../api/operator-state.ts'
import { createPartitioner } from '../../exchange/partitioner.ts'
import type { OperatorNode } from '../../graph/graph.ts'
import { planJob } from '../../graph/plan.ts'
import { hashKey } from '../../keys/hash.ts'
import { buildChain, type ChainHost } from '../../operators/chain.ts'
import type { Operator, OperatorHost, OperatorOutputs } from '../../operators/operator.ts'
import { ChainCursor, type Receiver } from '../../operators/receiver.ts'
import { BroadcastState } from '../../state/operator/broadcast-state.ts'
import { KeyedState } from '../../state/keyed-state.ts'
import { OperatorState } from '../../state/operator/operator-state.ts'
import { taskLog, TaskMetricsRegistry } from '../metrics/user-instruments.ts'
import type { CrashFacts } from './capsule.ts'

/** A value that JSON cannot write down. */
export function stored(base64: string): unknown {
  return decodeValue(Buffer.from(base64, 'base64'))
}

/**
 * Calls the operator's function on the record again and prints what it emits. Throws what the function throws: its failure, one hopes, in the debugger.
 *
 * @throws CAPSULE_OPERATOR_MISSING if the job has no such operator any more; CAPSULE_OF_SINK if it is a sink
 */
export async function replayCrash(job: Job<Params>, facts: CrashFacts): Promise<void> {
  const { graph, functions } = buildJob(job, { params: facts.params })
  const node = graph.operators.find(({ stateId }) => stateId === facts.stateId)
  if (node === undefined) throw engineError('CAPSULE_OPERATOR_MISSING', { job: job.name, stateId: facts.stateId })
  if (node.kind === 'sink') throw engineError('CAPSULE_OF_SINK', { sink: node.name })
  if (facts.edge !== undefined) {
    sendAgain(functions, facts)
    return void process.stdout.write(`what ${node.name} put out is sent on without failing\n`)
  }
  const plan = planJob(graph, { parallelism: 1, chaining: false })
  const task = plan.tasks.find(({ operators }) => operators.includes(node.id))!
  const bench = new ReplayBench(facts, functions)
  const chain = buildChain(plan, task, functions, bench)
  await chain.open()
  bench.cursor.timestamp = facts.timestamp
  const operator = chain.operators[0]!
  if (facts.during.endsWith('Timer')) fireTimer(operator, facts)
  else if (facts.during === 'finish') await operator.finish()
  else {
    bench.cursor.hash = facts.key === undefined ? 0 : hashKey(facts.key)
    operator.input(facts.during === 'onRight' || facts.during === 'onBroadcast' ? 1 : 0).receive(facts.record)
  }
  await settle(operator)
  await chain.close()
  process.stdout.write(`${node.name} took the record without failing\n`)
}

/** What of an edge is the user's is asked about the record again: its key, or which channel it takes. */
function sendAgain(functions: JobFunctions, { record, subtask, edge: sent }: CrashFacts): void {
  const { id, channels } = sent!
  const select = functions.keySelectors.get(id)
  if (select !== undefined) hashKey(select(record))
  const custom = functions.partitioners.get(id)
  if (custom !== undefined) {
    const options = { subtask, parallelism: 1, channels, maxParallelism: channels, custom, random: nodeRandom }
    createPartitioner({ partitioning: 'custom', ...options }).select(record, 0)
  }
}

/** The timer's handler is called as an unfinished one is after a restore. */
function fireTimer(operator: Operator, { during, key, record }: CrashFacts): void {
  const what = during === 'onEventTimer' ? 'event-timer' : 'processing-timer'
  operator.resume([{ what, value: key, timestamp: record as number, hash: hashKey(key) }])
}

async function settle(operator: Operator): Promise<void> {
  while (operator.pending > 0) {
    await new Promise<void>((resolve) => nodeClock.after(1, resolve))
    operator.settle()
  }
}

class ReplayBench implements ChainHost {
  readonly cursor: ChainCursor = new ChainCursor()
  readonly freezes = false
  readonly #facts: CrashFacts
  readonly #functions: JobFunctions

  constructor(facts: CrashFacts, functions: JobFunctions) {
    this.#facts = facts
    this.#functions = functions
  }

  operatorHost(node: OperatorNode, outputs: OperatorOutputs): OperatorHost {
    const labels = { operator: node.name, stateId: node.stateId, subtask: this.#facts.subtask }
    return {
      node,
      subtask: this.#facts.subtask,
      parallelism: 1,
      cursor: this.cursor,
      outputs,
      clock: nodeClock,
      log: taskLog(nodeClock, labels, ({ level, message }) => process.stdout.write(`${level}: ${message}\n`)),
      metrics: new TaskMetricsRegistry().of(labels),
      signal: new AbortController().signal,
      asyncCapacity: 1,
      position: () => undefined,
      wake: () => {},
      fail: (failure) => {
        throw failure
      },
    }
  }

  keyedState(node: OperatorNode, fn: ErasedProcessFunction): KeyedState {
    const keyed = new KeyedState({
      operator: node.name,
      states: fn.state ?? {},
      clock: nodeClock,
      maxParallelism: 1,
      keyGroups: { first: 0, end: 1 },
    })
    const { key, state } = this.#facts
    if (state !== undefined) keyed.importKey(key, hashKey(key), state)
    return keyed
  }

  finishedBefore(): boolean {
    return false
  }

  /** Empty: a capsule does not hold it. */
  operatorState(node: OperatorNode, states: OperatorStateDeclarations): OperatorState {
    const keyGroups = { first: 0, end: 1 }
    return new OperatorState({ operator: node.name, states, keyGroups, currentGroup: () => 0, freeze: false, allowNonRestored: false })
  }

  /** Empty as well. */
  broadcastState(node: OperatorNode): BroadcastState {
    const functions = this.#functions.operators.get(node.id)
    return new BroadcastState({
      operator: node.name,
      states: functions !== undefined && 'broadcast' in functions ? functions.broadcast : {},
    })
  }

  sinkWriter(node: OperatorNode): never {
    throw engineError('CAPSULE_OF_SINK', { sink: node.name })
  }

  exchange(): Receiver {
    return {
      receive: (value) => void process.stdout.write(`emitted ${inspect(value, { depth: null, breakLength: Infinity })}\n`),
      watermark: () => {},
    }
  }
}
