import { engineError } from '../../errors.ts'
import type { Key } from '../state.ts'
import { checkFunction, show } from './checks.ts'
import { describeDraft, type Port } from './graph-builder.ts'
import { StreamBase } from './shapes.ts'

/** Checks that an argument is a stream of one of the shapes, from the same job. */
export function checkStream(call: string, stream: StreamBase, other: unknown, shapes: readonly StreamBase['shape'][]): StreamBase {
  if (!(other instanceof StreamBase)) {
    throw engineError('ARGUMENT_INVALID', { call, argument: 'its argument', expected: 'a stream', value: show(other) })
  }
  if (other.builder !== stream.builder) throw engineError('STREAM_FOREIGN', { call })
  if (!shapes.includes(other.shape)) {
    if (call === 'connect') throw engineError('CONNECT_MIXED')
    throw engineError('ARGUMENT_INVALID', {
      call,
      argument: 'its argument',
      expected: `a ${shapes.join(' or ')} stream`,
      value: `a ${other.shape} one`,
    })
  }
  return other
}

/** The ports of all streams. The same output twice would double its records. */
export function unionPorts(streams: readonly StreamBase[]): readonly Port[] {
  const seen = new Set<string>()
  const ports = streams.flatMap((stream) => stream.ports)
  for (const { operator, output } of ports) {
    const place = JSON.stringify([operator.id, output])
    if (seen.has(place)) throw engineError('UNION_REPEATED', { operator: describeDraft(operator) })
    seen.add(place)
  }
  return ports
}

export function keyedPorts(ports: readonly Port[], key: (value: never) => Key): readonly Port[] {
  checkFunction('keyBy', 'the key selector', key)
  const keySelector = key as (value: unknown) => unknown
  return ports.map(({ operator, output }) => ({ operator, output, partitioning: 'hash', chosen: true, keySelector }))
}
