import type { ClientListener } from './network/client-listener.ts'
import type { ListenerSettings } from './security/listeners.ts'

/** A listener as it listens. */
export interface RunningListener extends ListenerSettings {
  readonly listener: ClientListener
}
