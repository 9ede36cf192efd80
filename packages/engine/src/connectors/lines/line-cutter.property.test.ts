import { deepEqual, equal, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { LineCutter, type LineCutterOptions } from './line-cutter.ts'

interface Cut {
  readonly line: string
  readonly offset: number
}

const defaults: LineCutterOptions = { encoding: 'utf8', lineBytesMax: 1_000_000, overlong: 'fail', onOverlong: () => {} }

/** All lines of the input, which arrives in chunks of these sizes (in turn), from `from` on. */
function cut(input: Buffer, sizes: readonly number[], options: Partial<LineCutterOptions> = {}, from = 0): Cut[] {
  const cutter = new LineCutter({ ...defaults, ...options })
  cutter.reset(from)
  const lines: Cut[] = []
  for (let at = from, turn = 0; at < input.length; turn++) {
    const size = sizes[turn % sizes.length]!
    // A copy that is overwritten afterwards, as the reader's buffers are.
    const chunk = Buffer.from(input.subarray(at, at + size))
    cutter.load(chunk, at)
    for (let line = cutter.next(); line !== undefined; line = cutter.next()) lines.push({ line, offset: cutter.lineOffset() })
    chunk.fill(0x58)
    at += size
  }
  const rest = cutter.rest()
  if (rest !== undefined) lines.push({ line: rest, offset: cutter.lineOffset() })
  return lines
}

/** The same, as simply as it can be said. */
function expected(input: Buffer): Cut[] {
  const lines: Cut[] = []
  if (input.toString('latin1') === MARK) return lines
  for (let at = 0; at < input.length;) {
    const found = input.indexOf(0x0a, at)
    const end = found < 0 ? input.length : found
    const hasReturn = end > at && input[end - 1] === 0x0d
    let line = input.toString('utf8', at, hasReturn ? end - 1 : end)
    if (at === 0 && line.startsWith('\uFEFF')) line = line.slice(1)
    lines.push({ line, offset: at })
    at = end + 1
  }
  return lines
}

/** The bytes of the line that begins there, without its end and a mark. */
function contentAt(input: Buffer, offset: number): Buffer {
  const end = input.indexOf(0x0a, offset)
  const line = input.subarray(offset, end < 0 ? input.length : end)
  const from = offset === 0 && line.toString('latin1').startsWith(MARK) ? 3 : 0
  return line.subarray(from, line.at(-1) === 0x0d ? -1 : line.length)
}

/** A byte order mark as its bytes: alone it is no line. */
const MARK = '\u00ef\u00bb\u00bf'

const piece = fc.oneof(
  fc.constantFrom('\n', '\n', '\r\n', '\r', '', 'ä', '€', '😀', 'a', 'line', '\uFEFF'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join('')))
const damaged = fc
  .array(
    fc.oneof(
      text,
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 5 },
  )
  .map((parts) => Buffer.concat(parts))
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 })

describe('lines', () => {
  it('are the same however the input is cut into chunks, at the right offsets, also of damaged text', () => {
    fc.assert(
      fc.property(fc.oneof(text, damaged), sizes, (input, sizes) => {
        const wanted = expected(input)
        deepEqual(cut(input, [input.length + 1]).map(normalized), wanted.map(normalized))
        deepEqual(cut(input, sizes).map(normalized), wanted.map(normalized))
      }),
      { numRuns: 500 },
    )
  })

  it('are measured by the bytes that are there and cut at the same place, however the input is cut into chunks, also of damaged text', () => {
    const limits = fc.integer({ min: 1, max: 12 })
    fc.assert(
      fc.property(
        fc.oneof(text, damaged),
        sizes,
        limits,
        fc.constantFrom('skip' as const, 'truncate' as const),
        (input, sizes, limit, overlong) => {
          const options = { lineBytesMax: limit, overlong }
          const whole = cut(input, [input.length + 1], options)
          deepEqual(cut(input, sizes, options), whole)
          const short = expected(input).filter(({ offset }) => contentAt(input, offset).length <= limit)
          const kept = overlong === 'skip' ? whole : whole.filter(({ offset }) => contentAt(input, offset).length <= limit)
          deepEqual(kept.map(normalized), short.map(normalized))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('are none where there is nothing but a byte order mark', () => {
    const mark = Buffer.from('\uFEFF')
    for (const sizes of [[1], [2], [3]]) {
      deepEqual(cut(mark, sizes), [])
      deepEqual(cut(Buffer.from('\uFEFF\n'), sizes), [{ line: '', offset: 0 }])
      deepEqual(cut(Buffer.from('a\n\uFEFF'), sizes).at(-1), { line: '\uFEFF', offset: 2 })
      deepEqual(cut(mark, sizes, { encoding: 'latin1' }), [{ line: MARK, offset: 0 }])
    }
  })

  it('go on exactly from the offset of any of them', () => {
    fc.assert(
      fc.property(text, sizes, fc.nat(), (input, sizes, pick) => {
        const lines = cut(input, sizes)
        if (lines.length === 0) return
        const index = pick % lines.length
        deepEqual(cut(input, sizes, {}, lines[index]!.offset), lines.slice(index))
      }),
      { numRuns: 300 },
    )
  })

  it('report the offset of the next one between any two', () => {
    fc.assert(
      fc.property(text, sizes, (input, sizes) => {
        // Of a mark alone nothing is taken.
        const wanted = input.toString('latin1') === MARK ? [0] : [...expected(input).map(({ offset }) => offset), input.length]
        const cutter = new LineCutter(defaults)
        let taken = 0
        for (let at = 0, turn = 0; at < input.length; turn++) {
          const size = sizes[turn % sizes.length]!
          cutter.load(input.subarray(at, at + size), at)
          for (;;) {
            const offset = cutter.offset()
            equal(offset, wanted[taken])
            if (cutter.next() === undefined) break
            taken++
          }
          at += size
        }
      }),
      { numRuns: 300 },
    )
  })

  it('that are too long are found wherever chunks end, and cut between characters', () => {
    fc.assert(
      fc.property(
        text,
        sizes,
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom('skip' as const, 'truncate' as const),
        (input, sizes, lineBytesMax, overlong) => {
          const reported: number[] = []
          const all = expected(input)
          const isLong = ({ line }: Cut): boolean => Buffer.byteLength(line) > lineBytesMax
          const lines = cut(input, sizes, { lineBytesMax, overlong, onOverlong: (offset) => reported.push(offset) })
          const wanted = all.flatMap((cut) =>
            !isLong(cut) ? [cut] : overlong === 'skip' ? [] : [{ ...cut, line: truncate(cut.line, lineBytesMax) }],
          )
          if (input.includes('\uFEFF') || input.includes('\r')) return
          deepEqual(lines, wanted)
          deepEqual(
            reported.toSorted((a, b) => a - b),
            all.filter(isLong).map(({ offset }) => offset),
          )
        },
      ),
      { numRuns: 500 },
    )
  })

  it('that are too long fail where the policy says so', () => {
    const onOverlong = (offset: number): void => {
      throw new RangeError(`too long at ${offset}`)
    }
    throws(() => cut(Buffer.from('ok\ntoo long\n'), [100], { lineBytesMax: 4, onOverlong }), /too long at 3/)
    throws(() => cut(Buffer.from('ok\ntoo long'), [2], { lineBytesMax: 4, onOverlong }), /too long at 3/)
  })

  it('of Latin-1 are read as such', () => {
    deepEqual(cut(Buffer.from('süß\nx', 'latin1'), [2], { encoding: 'latin1' }), [
      { line: 'süß', offset: 0 },
      { line: 'x', offset: 4 },
    ])
  })
})

/** Invalid bytes give U+FFFD; how many for a damaged sequence may depend on what follows it. */
function normalized({ line, offset }: Cut): Cut {
  return { line: line.replace(/\uFFFD+/g, '\uFFFD'), offset }
}

function truncate(line: string, bytesMax: number): string {
  let kept = ''
  for (const character of line) {
    if (Buffer.byteLength(kept + character) > bytesMax) break
    kept += character
  }
  return kept
}
