import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { EventParser, type ServerSentEvent } from './event-parser.ts'

const tooLarge = (): void => {
  throw new RangeError('too large')
}

function parse(chunks: readonly string[], lastEventId = ''): { readonly events: readonly ServerSentEvent[]; readonly parser: EventParser } {
  const parser = new EventParser(lastEventId, 10_000, tooLarge)
  return { events: chunks.flatMap((chunk) => parser.push(chunk)), parser }
}

const message = (data: string, lastEventId = '', type = 'message'): ServerSentEvent => ({ type, data, lastEventId })

const table: readonly (readonly [name: string, stream: string, events: readonly ServerSentEvent[]])[] = [
  ['lines of data are joined', 'data: a\ndata: b\n\n', [message('a\nb')]],
  ['one space is left out', 'data:a\ndata:  b\n\n', [message('a\n b')]],
  ['data without a colon is empty', 'data\n\ndata\ndata\n\n', [message(''), message('\n')]],
  ['what has not ended is no event', 'data: a\n\ndata: b\n', [message('a')]],
  ['comments and unknown fields are passed over', ': hello\nfoo: bar\ndata: a\n\n', [message('a')]],
  ['types do not stay, ids do', 'event: x\nid: 1\ndata: a\n\ndata: b\n\n', [message('a', '1', 'x'), message('b', '1')]],
  ['an empty id forgets', 'id: 1\ndata: a\n\nid\ndata: b\n\n', [message('a', '1'), message('b')]],
  ['an id with a zero character does not count', 'id: 1\u00002\ndata: a\n\n', [message('a')]],
  [
    'nor does one that no header can have',
    'id: 1\ndata: a\n\nid: 2\u001b\ndata: b\n\nid: 3\u007f\ndata: c\n\n',
    [message('a', '1'), message('b', '1'), message('c', '1')],
  ],
  ['a tab is no such character', 'id: 1\t2\ndata: a\n\n', [message('a', '1\t2')]],
  ['events without data are none', 'event: x\nid: 7\n\ndata: a\n\n', [message('a', '7')]],
  ['line ends of all kinds', 'data: a\r\n\r\ndata: b\r\rdata: c\n\n', [message('a'), message('b'), message('c')]],
]

for (const [name, stream, expected] of table) {
  void test(`${name}, wherever it is cut`, () => {
    assert.deepEqual(parse([stream]).events, expected)
    assert.deepEqual(parse(stream.split('')).events, expected)
    for (let at = 0; at <= stream.length; at++) assert.deepEqual(parse([stream.slice(0, at), stream.slice(at)]).events, expected)
  })
}

void test('any stream says the same however it is cut', () => {
  const piece = fc.constantFrom('data', 'id', 'event', 'retry', ':', ' ', 'x', '12', '\n', '\r', '\r\n', '\n\n', '\u0000', 'é')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(60), { maxLength: 6 }), (pieces, cuts) => {
      const stream = pieces.join('')
      const at = [0, ...cuts.map((cut) => Math.min(cut, stream.length)).toSorted((a, b) => a - b), stream.length]
      const chunks = at.slice(1).map((end, index) => stream.slice(at[index], end))
      const [whole, cut] = [parse([stream]), parse(chunks)]
      assert.deepEqual(cut.events, whole.events)
      assert.equal(cut.parser.retryMs, whole.parser.retryMs)
      assert.equal(cut.parser.dispatchedId, whole.parser.dispatchedId)
    }),
    { numRuns: 500 },
  )
})

void test('retry takes digits alone; an id without data counts for the next connection', () => {
  const { parser } = parse(['retry: 250\n', 'retry: 1s\n', 'id: 9\n\n'], '5')
  assert.deepEqual([parser.retryMs, parser.dispatchedId], [250, '9'])
})

void test('nothing longer than the limit is kept', () => {
  assert.throws(() => parse(['data: ', 'x'.repeat(10_001)]), RangeError)
  assert.throws(() => parse(Array.from({ length: 6_000 }, () => 'data: x\n')), RangeError)
  assert.equal(parse(Array.from({ length: 6_000 }, () => 'data: x\n\n')).events.length, 6_000)
})
