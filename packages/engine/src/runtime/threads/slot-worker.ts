/**
 * The entry of a worker thread: imports the job's module, builds the same graph, and runs one slot of it.
 */
import { join } from 'node:path'
import { inspect } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, plainFields } from '@millrace/core'
import type { Job } from '../../api/job.ts'
import type { Params } from '../../api/params.ts'
import { buildJob } from '../../api/build-job.ts'
import { engineError } from '../../errors.ts'
import { RingInputChannel, RingOutputChannel } from '../../exchange/channel-ring.ts'
import { LocalChannel } from '../../exchange/channel-local.ts'
import { Sleeper, Waker } from '../../exchange/wake.ts'
import { fingerprint } from '../../graph/fingerprint.ts'
import { writeCapsule, type CapsuleOptions } from '../capsules/capsule.ts'
import { channelKey, slotOfSubtask, type ChannelPlace } from '../deployment/deployment.ts'
import { reportFailure } from '../deployment/failure-report.ts'
import { loadJobModule } from '../module/job-module.ts'
import { useModuleSources, type ModuleSources } from '../module/module-sources.ts'
import type { MasterMessage } from '../deployment/messages.ts'
import type { ThreadSignal } from '../slot/slot.ts'
import { SlotHost } from '../slot/slot-host.ts'
import type { ChannelFactory } from '../slot/slot-ports.ts'
import { stateBackend } from '../storage/state-backend.ts'
import { jobStateFolder, stateFileStorage } from '../storage/state-folder.ts'
import type { BuiltSubtask } from '../slot/subtask-builder.ts'
import type { SlotThreadData, ThreadMessage } from './slot-thread-data.ts'
import type { SlotWorkerData } from './slot-threads.ts'
import { thisThread } from './this-thread.ts'

thisThread.runsSlot = true
const { modulePath } = workerData as SlotWorkerData
const port = parentPort!

function send(message: ThreadMessage): void {
  try {
    port.postMessage(message)
  } catch (error) {
    // What a function has logged fails nobody: what cannot go to another thread goes there as text.
    if (message.kind !== 'log') throw error
    port.postMessage({ kind: 'log', record: { ...message.record, fields: plainFields(message.record.fields) } } satisfies ThreadMessage)
  }
}

/** So often a thread says that it goes round, unless it would be given up before. */
const ALIVE_INTERVAL_MS = 1_000

/** Channels within the thread pass references unless asked to encode, those to other threads go through rings. */
class ThreadChannels implements ChannelFactory {
  readonly #data: SlotThreadData
  readonly #local: Map<string, LocalChannel> = new Map()
  readonly outputs: RingOutputChannel[] = []

  constructor(data: SlotThreadData) {
    this.#data = data
  }

  output(place: ChannelPlace): LocalChannel | RingOutputChannel {
    const memory = this.#data.rings.get(channelKey(place))
    if (memory === undefined) return this.#sameThread(place)
    const { slots } = this.#data.deployment
    const channel = new RingOutputChannel(memory, new Waker(this.#data.wakeWords, slotOfSubtask(place.to, slots)), {
      keyed: isKeyed(place),
    })
    this.outputs.push(channel)
    return channel
  }

  input(place: ChannelPlace): LocalChannel | RingInputChannel {
    const memory = this.#data.rings.get(channelKey(place))
    if (memory === undefined) return this.#sameThread(place)
    const { slots } = this.#data.deployment
    const label = `exchange ${place.exchange.id}, ${place.from} to ${place.to}`
    return new RingInputChannel(memory, new Waker(this.#data.wakeWords, slotOfSubtask(place.from, slots)), { keyed: isKeyed(place), label })
  }

  #sameThread(place: ChannelPlace): LocalChannel {
    const key = channelKey(place)
    let channel = this.#local.get(key)
    if (channel === undefined) {
      const { development } = this.#data.deployment.settings
      channel = new LocalChannel({ keyed: isKeyed(place), encode: development || this.#data.encodeLocal, strict: development })
      this.#local.set(key, channel)
    }
    return channel
  }
}

function isKeyed(place: ChannelPlace): boolean {
  return place.exchange.partitioning === 'hash'
}

function capsuleOptions({ deployment, settings, params }: SlotThreadData): CapsuleOptions | undefined {
  const { enabled, limit, dir } = settings.values.crashCapsules
  if (!enabled) return undefined
  return { dir: dir ?? join(jobStateFolder(deployment.jobName, settings), 'crashes'), limit, modulePath, params, now: Date.now }
}

/** Whether there is a host that answers the master. */
let hosted = false

async function start(
  data: SlotThreadData,
  module: Promise<Job<Params>>,
  receive: (handler: (message: MasterMessage) => void) => void,
): Promise<void> {
  const { deployment, params } = data
  const job = await module
  const built = buildJob(job, { params })
  if (fingerprint(built.graph) !== deployment.plan.fingerprint) throw engineError('JOB_CHANGED', { job: job.name })
  const sleeper = new Sleeper(data.wakeWords, deployment.slot)
  const channels = new ThreadChannels(data)
  const signal: ThreadSignal = {
    sleep: (wake, hasWork) => sleeper.sleep(wake, () => hasWork() || channels.outputs.some((output) => output.movable)),
    awake: () => sleeper.awake(),
  }
  const ports = { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
  const storage = stateFileStorage(deployment.jobName, data.settings, ports)
  const capsules = capsuleOptions(data)
  const capsule =
    capsules === undefined
      ? {}
      : { capsule: (error: unknown, subtasks: readonly BuiltSubtask[]) => writeCapsule(error, subtasks, capsules) }
  const backend = stateBackend(data.settings, { disk: nodeDisk, clock: nodeClock }, () => data.databaseDir)
  const host = new SlotHost(
    deployment,
    { ...ports, ...capsule, stateBackend: backend, signal, functions: built.functions, storage, channels },
    send,
  )
  hosted = true
  receive((message) => host.receive(message))
  await host.start()
}

process.on('unhandledRejection', (reason) => {
  send({
    kind: 'failed',
    failure: reportFailure(
      engineError('UNHANDLED_REJECTION', { reason: reason instanceof Error ? reason.message : inspect(reason) }, reason),
    ),
  })
})
process.on('uncaughtException', (error) => {
  send({
    kind: 'failed',
    failure: reportFailure(engineError('UNCAUGHT_EXCEPTION', { reason: error instanceof Error ? error.message : inspect(error) }, error)),
  })
})

/** Messages that come before the slot is there wait for it. */
const early: MasterMessage[] = []
let handle = (message: MasterMessage): void => void early.push(message)

port.once('message', (sources: ModuleSources) => {
  useModuleSources(sources)
  // Begun before the deployment comes: it takes longer than all that the master does meanwhile.
  const module = loadJobModule(modulePath)
  module.catch(() => {}) // looked at when the deployment comes
  port.once('message', (data: SlotThreadData) => {
    setInterval(() => send({ kind: 'alive' }), Math.min(ALIVE_INTERVAL_MS, data.settings.values.stuckTimeout / 4))
    port.on('message', (message: MasterMessage) => handle(message))
    const receive = (handler: (message: MasterMessage) => void): void => {
      handle = handler
      for (const message of early.splice(0)) handler(message)
    }
    start(data, module, receive).catch((error: unknown) => {
      send({ kind: 'failed', failure: reportFailure(error) })
      // A host closes when it is told to; without one there is nothing to close.
      if (!hosted) send({ kind: 'closed' })
    })
  })
})
