import type { InputChannel } from '../../exchange/elements.ts'

/** A channel as the inputs of a task know it. */
export interface GateChannel {
  readonly channel: InputChannel
  /** Which input of the head operator its records are for. */
  readonly input: 0 | 1
  /** 'orders[3]': for messages. */
  readonly label: string
  /** The subtask that writes it, by the id of its first operator. */
  readonly origin?: { readonly stateId: string; readonly subtask: number }
  /** Its records could not be dealt out anew over another number of subtasks: no snapshot overtakes them. */
  readonly alignedOnly?: boolean
}
