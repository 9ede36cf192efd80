import type { JobFunctions } from '../../api/functions.ts'
import { LocalChannel } from '../../exchange/channel-local.ts'
import type { ChannelPlace, Deployment } from '../deployment/deployment.ts'
import { channelKey } from '../deployment/deployment.ts'
import type { MasterMessage, SlotMessage } from '../deployment/messages.ts'
import { SlotHost } from './slot-host.ts'
import type { SlotHandler, SlotLauncher, SlotLink } from './slot-link.ts'
import { noSignal } from './slot.ts'
import type { ChannelFactory, SlotPorts } from './slot-ports.ts'

/** What slots on this thread share. */
export type LocalPorts = Omit<SlotPorts, 'functions' | 'channels' | 'signal'> & {
  /** Makes the channels of a launch; by default they pass references. */
  readonly createChannels?: () => ChannelFactory
}

/**
 * Runs slots on the caller's thread. Messages between master and slots are delivered later, in order, as between threads.
 * `functions` is asked for the user's functions at each launch: a restart builds the job anew.
 */
export class LocalSlots implements SlotLauncher {
  readonly #ports: LocalPorts
  readonly #functions: () => JobFunctions

  constructor(ports: LocalPorts, functions: () => JobFunctions) {
    this.#ports = ports
    this.#functions = functions
  }

  async launch(deployments: readonly Deployment[], handlers: readonly SlotHandler[]): Promise<readonly SlotLink[]> {
    const functions = this.#functions()
    const channels = this.#ports.createChannels?.() ?? new LocalChannels(deployments[0]?.settings.development ?? false)
    return deployments.map((deployment, index) => this.#launchOne(deployment, handlers[index]!, functions, channels))
  }

  #launchOne(deployment: Deployment, handler: SlotHandler, functions: JobFunctions, channels: ChannelFactory): SlotLink {
    const { clock } = this.#ports
    let over = false
    const mailbox = <T>(deliver: (message: T) => void): ((message: T) => void) => {
      const queue: T[] = []
      return (message) => {
        queue.push(message)
        if (queue.length > 1) return
        clock.soon(() => {
          for (const next of queue.splice(0)) if (!over) deliver(next)
        })
      }
    }
    const up = mailbox<SlotMessage>((message) => handler.message(message))
    const host = new SlotHost(deployment, { ...this.#ports, functions, channels, signal: noSignal }, up)
    const down = mailbox<MasterMessage>((message) => host.receive(message))
    void host.start()
    return {
      send: down,
      terminate: async () => {
        over = true
      },
    }
  }
}

/** Both ends of each channel, by reference. */
export class LocalChannels implements ChannelFactory {
  readonly #channels: Map<string, LocalChannel> = new Map()
  readonly #development: boolean

  /** Development mode encodes every batch, strictly, as if it went to another thread. */
  constructor(development: boolean) {
    this.#development = development
  }

  output(place: ChannelPlace, wake: () => void): LocalChannel {
    const channel = this.#channel(place)
    channel.wakeWriter = wake
    return channel
  }

  input(place: ChannelPlace, wake: () => void): LocalChannel {
    const channel = this.#channel(place)
    channel.wakeReader = wake
    return channel
  }

  #channel(place: ChannelPlace): LocalChannel {
    const key = channelKey(place)
    let channel = this.#channels.get(key)
    if (channel === undefined) {
      channel = new LocalChannel({ keyed: place.exchange.partitioning === 'hash', encode: this.#development, strict: this.#development })
      this.#channels.set(key, channel)
    }
    return channel
  }
}
