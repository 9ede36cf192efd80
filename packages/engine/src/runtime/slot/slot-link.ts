import type { Deployment } from '../deployment/deployment.ts'
import type { MasterMessage, SlotMessage } from '../deployment/messages.ts'

/** The master's end of a running slot. */
export interface SlotLink {
  send(message: MasterMessage): void
  /** Ends it at once, whatever it is doing; resolves when nothing of it runs any more. */
  terminate(): Promise<void>
}

/** Who hears of a slot: the attempt that runs on it. */
export interface SlotHandler {
  message(message: SlotMessage): void
  /** It has ended without saying `closed`: a crash. Not called after `terminate`. */
  exited(error: unknown): void
}

/** Starts the slots of an attempt: on this thread, on worker threads, in a simulation. */
export interface SlotLauncher {
  launch(deployments: readonly Deployment[], handlers: readonly SlotHandler[]): Promise<readonly SlotLink[]>
}
