/** What a decision about a transactional id is made of. */
import type { Transaction } from './transaction.ts'

/** What is known beside the transaction itself. */
export interface DecisionFacts {
  readonly nowMs: number
  /** `transaction.max.timeout.ms` */
  readonly timeoutMaxMs: number
  /** A producer id that nobody has yet, where one has been fetched. */
  readonly freshProducerId: number | undefined
}

export type Decision<Reply> =
  /** Nothing changes. */
  | { readonly kind: 'answer'; readonly reply: Reply }
  /** The transaction becomes this, and once that is written the reply holds. */
  | { readonly kind: 'move'; readonly to: Transaction; readonly reply: Reply }
  /** Decide again, with a fresh producer id. */
  | { readonly kind: 'needs-producer-id' }

/** Who asks: a client's producer, with the epoch it believes to have. */
export interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface ErrorReply {
  /** Of the protocol; 0 is success. */
  readonly errorCode: number
}

export interface ProducerReply extends ErrorReply {
  /** -1 with an error. */
  readonly producerId: number
  readonly producerEpoch: number
}
