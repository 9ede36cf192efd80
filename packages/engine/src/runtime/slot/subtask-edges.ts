/** The edges between one subtask and others: the channels it reads, and what it writes to those it sends to. */
import { createPartitioner } from '../../exchange/partitioner.ts'
import type { EdgeNode } from '../../graph/graph.ts'
import { operatorFailed, type OperatorHost } from '../../operators/operator.ts'
import type { ChainCursor } from '../../operators/receiver.ts'
import { canBeOvertaken, channelsOf, receiversOf, type ChannelPlace } from '../deployment/deployment.ts'
import { BroadcastExchangeOutput, KeyedExchangeOutput, PlainExchangeOutput, type ExchangeOutput } from '../task/exchange-output.ts'
import type { GateChannel } from '../gate/gate-channel.ts'
import type { SubtaskContext } from './subtask-context.ts'

export class SubtaskEdges {
  readonly #context: SubtaskContext
  readonly #cursor: ChainCursor
  readonly #position: () => string | undefined
  readonly outputs: ExchangeOutput[] = []

  /** `position`: where the record that is passing came from. */
  constructor(context: SubtaskContext, cursor: ChainCursor, position: () => string | undefined) {
    this.#context = context
    this.#cursor = cursor
    this.#position = position
  }

  channels(): readonly GateChannel[] {
    const { options, planned, subtask } = this.#context
    const { deployment, ports, slot } = options
    const { plan } = deployment
    return planned.inputs.flatMap((id) => {
      const exchange = plan.exchanges[id]!
      return channelsOf(plan, exchange)
        .filter((place) => place.to === subtask)
        .map((place) => ({
          channel: ports.channels.input(place, slot.wake),
          input: place.edge.input,
          label: `${plan.tasks[exchange.from]!.name}[${place.from}]`,
          origin: { stateId: plan.graph.operators[plan.tasks[exchange.from]!.operators[0]!]!.stateId, subtask: place.from },
          alignedOnly: !canBeOvertaken(exchange.partitioning),
        }))
    })
  }

  output(edge: EdgeNode): ExchangeOutput {
    const output = this.#create(edge)
    this.outputs.push(output)
    return output
  }

  #create(edge: EdgeNode): ExchangeOutput {
    const { options, planned, subtask } = this.#context
    const { deployment, ports, slot } = options
    const { plan } = deployment
    const exchange = plan.exchanges.find((candidate) => candidate.edge === edge.id)!
    const receivers = plan.tasks[exchange.to]!
    const { partitioning } = exchange
    const targets = receiversOf(partitioning, subtask, planned.parallelism, receivers.parallelism)
    const channels = targets.map((to) => ports.channels.output({ exchange, edge, from: subtask, to } satisfies ChannelPlace, slot.wake))
    const failed = (error: unknown, value: unknown): Error => this.#edgeFailed(edge, channels.length, error, value)
    if (partitioning === 'broadcast') return new BroadcastExchangeOutput(channels, this.#cursor, failed)
    const partitioner = createPartitioner({
      partitioning,
      subtask,
      parallelism: planned.parallelism,
      channels: channels.length,
      maxParallelism: receivers.maxParallelism,
      custom: ports.functions.partitioners.get(edge.id),
      random: ports.random,
    })
    if (partitioning !== 'hash') return new PlainExchangeOutput(channels, this.#cursor, partitioner, failed)
    return new KeyedExchangeOutput(channels, this.#cursor, ports.functions.keySelectors.get(edge.id)!, partitioner, failed)
  }

  #edgeFailed(edge: EdgeNode, channels: number, error: unknown, value: unknown): Error {
    const { options, subtask } = this.#context
    const { operators } = options.deployment.plan.graph
    const host = { node: operators[edge.from]!, subtask, cursor: this.#cursor, position: this.#position } as OperatorHost
    return operatorFailed(host, `sending to '${operators[edge.to]!.name}'`, error, value, undefined, true, { id: edge.id, channels })
  }
}
