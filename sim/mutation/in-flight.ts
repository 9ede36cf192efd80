/** Records in flight that are forgotten, counted twice, given to the wrong subtask, or replayed too late. */
import {
  decodeInFlight,
  type Deployment,
  type Element,
  type InputChannel,
  type RecordBatch,
  type SubtaskSnapshot,
} from '@millrace/engine/simulation'
import type { Disk } from '@millrace/core'
import { overlay, type Interposer } from '../interposer.ts'

type RestoredOperator = Deployment['restored'][number]
type OperatorPart = SubtaskSnapshot['operators'][number]

function restores(change: (operator: RestoredOperator) => RestoredOperator): Interposer {
  return {
    launcher: (launcher) => ({
      launch: (deployments, handlers) =>
        launcher.launch(
          deployments.map((deployment) => ({ ...deployment, restored: deployment.restored.map(change) })),
          handlers,
        ),
    }),
  }
}

export function inFlightForgotten(): Interposer {
  const without = ({ inFlight: _forgotten, ...rest }: OperatorPart): OperatorPart => rest
  return {
    launcher: (launcher) => ({
      launch: (deployments, handlers) =>
        launcher.launch(
          deployments,
          handlers.map((handler) =>
            overlay(handler, {
              message: (message) => {
                if (message.kind !== 'coordinator' || message.message.kind !== 'acknowledged') return handler.message(message)
                const { snapshot } = message.message
                const operators = snapshot.operators.map(without)
                handler.message({ ...message, message: { ...message.message, snapshot: { ...snapshot, operators } } })
              },
            }),
          ),
        ),
    }),
  }
}

export function inFlightTwice(): Interposer {
  return restores((operator) => ({ ...operator, inFlight: [...operator.inFlight, ...operator.inFlight] }))
}

/** Each subtask takes what its namesake had, at whatever parallelism. */
export function inFlightNotDealtOut(): Interposer {
  return restores((operator) => ({ ...operator, inFlight: operator.inFlight.filter(({ path }) => subtaskOf(path) === operator.subtask) }))
}

/** Checkpoints wait for every barrier: nothing is wrong but the time they take. */
export function barrierOvertakesNothing(): Interposer {
  return {
    launcher: (launcher) => ({
      launch: async (deployments, handlers) =>
        (await launcher.launch(deployments, handlers)).map((link) =>
          overlay(link, { send: (message) => link.send(message.kind === 'trigger' ? { ...message, unaligned: false } : message) }),
        ),
    }),
  }
}

/** What was in flight comes after the first new batch of a channel; where the parallelism is as it was, so that it is known whose it is. */
export function inFlightAfterNewInput(): Interposer {
  let disk: Disk
  const late = new Map<string, RecordBatch[]>()
  return {
    disk: (inner) => (disk = inner),
    channels: (factory) =>
      overlay(factory, {
        input: (place, wake) => behindTheFirst(factory.input(place, wake), late, `${place.edge.to}:${place.to}:${place.edge.input}`),
      }),
    launcher: (launcher) => ({
      launch: async (deployments, handlers) => {
        late.clear()
        const changed: Deployment[] = []
        for (const deployment of deployments) {
          const restored: RestoredOperator[] = []
          for (const operator of deployment.restored) restored.push(await withheld(operator, disk, late))
          changed.push({ ...deployment, restored })
        }
        return await launcher.launch(changed, handlers)
      },
    }),
  }
}

async function withheld(operator: RestoredOperator, disk: Disk, late: Map<string, RecordBatch[]>): Promise<RestoredOperator> {
  const [file, ...others] = operator.inFlight
  if (file === undefined || others.length > 0 || subtaskOf(file.path) !== operator.subtask) return operator
  const path = file.path.startsWith('/') ? file.path : `/data/state/sim/checkpoints/${file.path}`
  const bytes = await disk.readFile(path).catch(() => undefined)
  if (bytes === undefined) return operator
  for (const { input, runs } of file.parts) {
    const batches = runs.flatMap(({ offset, length }) => [...decodeInFlight(bytes.subarray(offset, offset + length))])
    late.set(`${operator.operator}:${operator.subtask}:${input}`, batches)
  }
  return { ...operator, inFlight: [] }
}

function behindTheFirst(channel: InputChannel, late: Map<string, RecordBatch[]>, key: string): InputChannel {
  let seen = false
  let held: Element | undefined
  const poll = (): Element | undefined => {
    const waiting = late.get(key) ?? []
    if ((seen || held !== undefined) && waiting.length > 0) return waiting.shift()
    const element = held ?? channel.poll()
    held = undefined
    if (element?.kind === 'records') seen = true
    else if (element !== undefined && waiting.length > 0) {
      // Not behind a barrier, nor behind the end: out of order is all that it is to be.
      held = element
      return waiting.shift()
    }
    return element
  }
  return overlay(channel, {
    poll,
    get available() {
      return channel.available || held !== undefined || (seen && (late.get(key)?.length ?? 0) > 0)
    },
  })
}

function subtaskOf(path: string): number {
  return Number(/shared\/\d+-\d+-\d+-(\d+)-/.exec(path)?.[1])
}
