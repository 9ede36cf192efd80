/** What of the state of all former subtasks that belongs to no key each subtask of today gets. Pure. */
import type { InFlightFile, RawPart, RawStateFile } from '../../checkpoint/handles.ts'
import type { OperatorState, SubtaskState } from '../../checkpoint/metadata/metadata.ts'
import { formerGroups, keyGroupRange, type KeyGroupRange } from '../../keys/key-group.ts'
import type { StoredList } from '../../state/operator/operator-state.ts'

/**
 * The items of one subtask of `parallelism`, of those of all former subtasks: with the same parallelism each gets its own again, else all are dealt out
 * in runs as long as each other, or longer by one.
 */
export function evenSplit<T>(former: readonly (readonly T[])[], subtask: number, parallelism: number): readonly T[] {
  if (former.length === parallelism) return former[subtask]!
  const all = former.flat()
  const from = Math.floor((all.length * subtask) / parallelism)
  return all.slice(from, Math.floor((all.length * (subtask + 1)) / parallelism))
}

/** The elements of each list that come to a subtask. */
export function listsOf(former: readonly SubtaskState[], subtask: number, parallelism: number): readonly StoredList[] {
  const stored = former.map(({ lists }) => lists ?? [])
  const names = [...new Set(stored.flatMap((lists) => lists.map(({ name }) => name)))]
  return names.flatMap((name) => {
    const elements = stored.map((lists) =>
      lists.filter((list) => list.name === name).flatMap((list) => list.elements.map((element) => ({ list, element }))),
    )
    return regrouped(evenSplit(elements, subtask, parallelism))
  })
}

/** Elements of the same version and coding as one list again. */
function regrouped(dealt: readonly { readonly list: StoredList; readonly element: Uint8Array }[]): readonly StoredList[] {
  const lists: { list: StoredList; elements: Uint8Array[] }[] = []
  for (const { list, element } of dealt) {
    const last = lists.at(-1)
    if (last !== undefined && last.list.version === list.version && last.list.coded === list.coded) last.elements.push(element)
    else lists.push({ list, elements: [element] })
  }
  return lists.map(({ list, elements }) => ({ ...list, elements }))
}

/** Keyed parts go to the subtasks that have their key groups, the others are dealt out state by state. */
export function rawOf(
  former: readonly SubtaskState[],
  subtask: number,
  parallelism: number,
  keyGroups: KeyGroupRange,
): readonly RawStateFile[] {
  const parts = former.map(({ raw }) => (raw?.parts ?? []).map((part) => ({ file: raw!, part })))
  const keyed = parts.flat().filter(({ part }) => part.keyGroup >= keyGroups.first && part.keyGroup < keyGroups.end)
  const states = [...new Set(parts.flat().flatMap(({ part }) => (part.keyGroup < 0 ? [part.state] : [])))]
  const others = states.flatMap((state) =>
    evenSplit(
      parts.map((list) => list.filter(({ part }) => part.keyGroup < 0 && part.state === state)),
      subtask,
      parallelism,
    ),
  )
  const files = new Map<RawStateFile, RawPart[]>()
  for (const { file, part } of [...keyed, ...others]) files.set(file, [...(files.get(file) ?? []), part])
  return Array.from(files, ([file, own]) => ({ ...file, parts: own }))
}

/**
 * Files with records that were in flight, as far as they may hold some of a subtask's own: those that came by key go to every subtask that has keys of the former one
 * (which takes its own out of them), all others of one former subtask to one of today.
 */
export function inFlightOf(
  state: Pick<OperatorState, 'subtasks' | 'parallelism' | 'maxParallelism'>,
  subtask: number,
  now: { readonly parallelism: number; readonly maxParallelism: number },
): readonly InFlightFile[] {
  const range = keyGroupRange(subtask, now.parallelism, now.maxParallelism)
  const own = now.maxParallelism === state.maxParallelism ? range : formerGroups(range, now.maxParallelism, state.maxParallelism)
  return state.subtasks.flatMap(({ inFlight }, index) => {
    if (inFlight === undefined) return []
    const { first, end } = keyGroupRange(index, state.parallelism, state.maxParallelism)
    const sharesKeys = first < own.end && own.first < end
    const parts = inFlight.parts.filter(({ keyed }) => (keyed ? sharesKeys : index % now.parallelism === subtask))
    return parts.length === 0 ? [] : [{ ...inFlight, parts }]
  })
}
