import type { AsyncInputs } from '../../checkpoint/handles.ts'
import { decodeValue, encodeValue } from '../../codec/value.ts'
import { keyGroupOf } from '../../keys/key-group.ts'
import type { UnfinishedInput } from '../../operators/operator.ts'

/** Inputs whose invocations had not finished at the barrier, as bytes by key group; their order within a group is kept. Without keys all are of group 0. */
export function encodeAsyncInputs(inputs: readonly UnfinishedInput[], maxParallelism: number): readonly AsyncInputs[] {
  const groups = new Map<number, UnfinishedInput[]>()
  for (const input of inputs) {
    const group = keyGroupOf(input.hash, maxParallelism)
    const list = groups.get(group)
    if (list === undefined) groups.set(group, [input])
    else list.push(input)
  }
  return Array.from(groups, ([keyGroup, list]) => ({
    keyGroup,
    bytes: encodeValue(list.map(({ what, value, timestamp, hash }) => [what, value, timestamp, hash])),
  }))
}

export function decodeAsyncInputs(stored: readonly AsyncInputs[]): readonly UnfinishedInput[] {
  return stored.flatMap(({ bytes }) =>
    (decodeValue(bytes) as [UnfinishedInput['what'], unknown, number, number][]).map(([what, value, timestamp, hash]) => ({
      what,
      value,
      timestamp,
      hash,
    })),
  )
}
