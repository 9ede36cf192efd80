import type { ResolvedEngineOptions } from '../../config/options.ts'
import type { Deployment } from '../deployment/deployment.ts'
import type { SlotMessage } from '../deployment/messages.ts'

/** What a worker thread is started with. */
export interface SlotThreadData {
  readonly deployment: Deployment
  readonly modulePath: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly settings: ResolvedEngineOptions
  /** Of the databases of the job, where the state backend has any. */
  readonly databaseDir: string
  /** Whether channels within the thread go through the codec too. */
  readonly encodeLocal: boolean
  /** Rings by channel, of all channels that begin or end in this slot and do not stay in it. */
  readonly rings: ReadonlyMap<string, SharedArrayBuffer>
  readonly wakeWords: SharedArrayBuffer
}

/** What a thread says: its slot's messages, and now and then that it still goes round, also while its functions open or close, which takes as long as they wait. */
export type ThreadMessage = SlotMessage | { readonly kind: 'alive' }
