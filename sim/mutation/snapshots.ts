/** Acknowledgements that leave out a part of what a subtask must not forget, or that have consequences too soon. */
import type { SlotLauncher, SlotMessage, SubtaskSnapshot } from '@millrace/engine/simulation'
import { overlay, type Interposer } from '../interposer.ts'

type OperatorPart = SubtaskSnapshot['operators'][number]

function snapshots(change: (part: OperatorPart) => OperatorPart): Interposer {
  const changed = (message: SlotMessage): SlotMessage => {
    if (message.kind !== 'coordinator' || message.message.kind !== 'acknowledged') return message
    const { snapshot } = message.message
    return { ...message, message: { ...message.message, snapshot: { ...snapshot, operators: snapshot.operators.map(change) } } }
  }
  return {
    launcher: (launcher: SlotLauncher): SlotLauncher => ({
      launch: (deployments, handlers) =>
        launcher.launch(
          deployments,
          handlers.map((handler) => overlay(handler, { message: (message) => handler.message(changed(message)) })),
        ),
    }),
  }
}

export function dropAsyncInputs(): Interposer {
  return snapshots(({ asyncInputs: _forgotten, ...rest }) => rest)
}

export function dropNewestDelta(): Interposer {
  return snapshots((part) => (part.keyed.length > 1 ? { ...part, keyed: part.keyed.slice(0, -1) } : part))
}

export function dropSplits(): Interposer {
  return snapshots((part) => (part.splits === undefined ? part : { ...part, splits: part.splits.slice(1) }))
}

/** A slot is told that the checkpoint is complete as soon as one of its subtasks has acknowledged it. */
export function commitAtAcknowledgement(): Interposer {
  return {
    launcher: (launcher) => ({
      launch: async (deployments, handlers) => {
        const tell: ((checkpointId: number) => void)[] = []
        const links = await launcher.launch(
          deployments,
          handlers.map((handler, slot) =>
            overlay(handler, {
              message: (message) => {
                handler.message(message)
                if (message.kind === 'coordinator' && message.message.kind === 'acknowledged') tell[slot]?.(message.message.checkpointId)
              },
            }),
          ),
        )
        for (const [slot, link] of links.entries())
          tell[slot] = (checkpointId) => link.send({ kind: 'complete', checkpointId, checkpoint: 'periodic' })
        return links
      },
    }),
  }
}
