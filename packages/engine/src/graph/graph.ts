/**
 * A job as frozen plain data: what is drawn, compared, checked before the start, shipped, and could be handed to another engine.
 * User functions are apart, in `JobFunctions`, under the ids used here.
 */
export interface JobGraph {
  readonly formatVersion: 1
  readonly name: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly operators: readonly OperatorNode[]
  readonly edges: readonly EdgeNode[]
  readonly settings: JobSettings
}

export const operatorKinds = [
  'source',
  'map',
  'flat-map',
  'filter',
  'process',
  'keyed-process',
  'co-process',
  'keyed-co-process',
  'broadcast-process',
  'keyed-broadcast-process',
  'sink',
] as const
/** What an operator is to the runtime. */
export type OperatorKind = (typeof operatorKinds)[number]

/** An operator as data; its functions are in `JobFunctions` under the same `id`. */
export interface OperatorNode {
  /** Place in the order of construction, from 0; only good within one build of the job. */
  readonly id: number
  readonly kind: OperatorKind
  readonly name: string
  /** The user's own. */
  readonly uid: string | undefined
  /** What state is stored under: the uid, or one derived from the place in the graph. */
  readonly stateId: string
  /** Subtasks; undefined: the job's. */
  readonly parallelism: number | undefined
  /** Key groups; undefined: the job's. */
  readonly maxParallelism: number | undefined
  readonly chaining: 'always' | 'never' | 'start'
  readonly states: readonly StateNode[]
  /** Whether it sets timers, which are state as well. */
  readonly timers?: true
  /** Whether it is a process function that declares no output. */
  readonly silent?: true
  readonly sides: readonly string[]
  /** Whether failures go to the output `failures` instead of failing the job. */
  readonly onError: 'fail' | 'side'
  readonly source?: { readonly replayable: boolean; readonly bounded: boolean; readonly connector: string }
  readonly sink?: { readonly delivery: 'none' | 'at-least-once' | 'exactly-once'; readonly connector: string }
}

export const stateKinds = [
  'value',
  'list',
  'map',
  'reducing',
  'aggregating',
  'broadcast',
  'split-list',
  'union-list',
  'raw',
  'raw-keyed',
] as const

/** A declared state of an operator. `version` is the shape of what is stored, from 1. */
export interface StateNode {
  readonly name: string
  readonly kind: (typeof stateKinds)[number]
  readonly version: number
}

/** How records are spread over the subtasks of the next operator: as a user chooses it (`PartitioningChoice`; `custom` stands for a function), or by `hash` of their keys. */
export type Partitioning = 'forward' | 'hash' | 'rebalance' | 'rescale' | 'shuffle' | 'global' | 'broadcast' | 'custom'

/** Which output of an operator: its main one, a declared side output, or its failures. */
export type OutputName = { readonly kind: 'main' } | { readonly kind: 'side'; readonly name: string } | { readonly kind: 'failures' }

/** Records that go from one operator to another, by operator ids. */
export interface EdgeNode {
  readonly id: number
  readonly from: number
  readonly output: OutputName
  readonly to: number
  /** 0, or 1 for the second input of a connected or broadcast operator. */
  readonly input: 0 | 1
  /** Of the edge as written. A `forward` that was not chosen is `rebalance` where parallelisms differ: the plan's exchanges say what holds. */
  readonly partitioning: Partitioning
  /** Whether the user chose the partitioning. */
  readonly chosen?: true
}

/** What the job asks for itself; the command line and the configuration fill what it leaves open. */
export interface JobSettings {
  /** Options `checkpointing.*` that the job sets, without that beginning of their keys. */
  readonly checkpointing: { readonly [option: string]: unknown }
  /** Options `restart.*` that the job sets, without that beginning of their keys. */
  readonly restart: { readonly [option: string]: unknown }
  /** Only where the job sets anything of it. */
  readonly state?: { readonly [option: string]: unknown }
}
