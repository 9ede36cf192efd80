// Records a second through the columnar codec and the value format. node --conditions=@millrace/source bench/micro/codec.ts [--json]
import { ColumnDecoder } from '../../packages/engine/src/codec/columns/decoder.ts'
import { ColumnEncoder } from '../../packages/engine/src/codec/columns/encoder.ts'
import { ValueReader, ValueWriter } from '../../packages/engine/src/codec/value.ts'

const BATCH = 1024
const BATCHES = 400
const ROUNDS = 7
/** The design's figures, for the record of 7 fields: millions a second. */
const ceilings: { readonly [name: string]: { readonly encode: number; readonly decode: number } } = {
  '7 fields, 2 strings': { encode: 20, decode: 27 },
}

const kinds: { readonly [name: string]: (n: number) => unknown } = {
  '7 fields, 2 strings': (n) => ({
    id: n,
    user: `user-${n % 1000}`,
    item: `item${n % 77}`,
    amount: n / 7,
    at: 1.7e12 + n,
    count: n % 10,
    ok: n % 2 === 0,
  }),
  '3 numbers': (n) => ({ id: n, amount: n / 7, count: n % 10 }),
  'nested, nullable': (n) => ({ id: n, place: n % 3 === 0 ? null : { x: n / 2, y: n }, name: n % 5 === 0 ? undefined : `n${n % 100}` }),
  text: (n) => `word${n % 1000}`,
  number: (n) => n,
  tuple: (n) => [`word${n % 1000}`, n],
  '3 shapes in turn': (n) => (n % 3 === 0 ? { a: n, kind: 'a' } : n % 3 === 1 ? { b: n / 2, kind: 'b' } : { c: `${n % 100}`, d: n }),
  'with an array': (n) => ({ id: n, tags: ['a', 'b'], name: `n${n % 100}` }),
  'wide text': (n) => ({ id: n, name: `имя${n % 100}` }),
  'values (Map)': (n) => new Map([[n, 1]]),
}

function best(work: () => void): number {
  let fastest = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    work()
    fastest = Math.min(fastest, performance.now() - started)
  }
  return (BATCH * BATCHES) / fastest / 1000
}

function measure(make: (n: number) => unknown): { encode: number; decode: number; bytes: number } {
  const records = Array.from({ length: BATCH * 8 }, (_, n) => make(n))
  const encoder = new ColumnEncoder({ keyed: true })
  const decoder = new ColumnDecoder()
  const frames: Uint8Array[] = []
  const encodeAll = (keep: boolean): void => {
    for (let batch = 0; batch < BATCHES; batch++) {
      const from = (batch & 7) * BATCH
      for (let i = from; i < from + BATCH; i++) encoder.append(records[i], 1.7e12 + i, i)
      const frame = encoder.finish()
      if (keep) frames.push(Uint8Array.from(frame))
    }
  }
  encodeAll(true)
  for (const frame of frames) decoder.decode(frame)
  const encode = best(() => encodeAll(false))
  const decode = best(() => {
    for (const frame of frames) decoder.decode(frame)
  })
  return { encode, decode, bytes: frames.reduce((sum, frame) => sum + frame.length, 0) / (BATCH * BATCHES) }
}

function measureValues(make: (n: number) => unknown): { encode: number; decode: number; bytes: number } {
  const records = Array.from({ length: BATCH * 8 }, (_, n) => make(n))
  const writer = new ValueWriter({ sizeBytes: 1 << 24 })
  const encodeAll = (): void => {
    for (let batch = 0; batch < BATCHES; batch++) {
      if ((batch & 7) === 0) writer.reset()
      const from = (batch & 7) * BATCH
      for (let i = from; i < from + BATCH; i++) writer.value(records[i])
    }
  }
  const encode = best(encodeAll)
  const bytes = writer.take()
  const reader = new ValueReader()
  const decode = best(() => {
    for (let batch = 0; batch < BATCHES; batch += 8) {
      reader.reset(bytes)
      while (reader.remaining > 0) reader.value()
    }
  })
  return { encode, decode, bytes: bytes.length / (BATCH * 8) }
}

const json = process.argv.includes('--json')
for (const [codec, run] of [
  ['columns', measure],
  ['value', measureValues],
] as const) {
  for (const [name, make] of Object.entries(kinds)) {
    const { encode, decode, bytes } = run(make)
    const ceiling = codec === 'columns' ? ceilings[name] : undefined
    if (json) console.log(JSON.stringify({ codec, record: name, encode_mps: encode, decode_mps: decode, bytes, ceiling }))
    else
      console.log(
        `${codec.padEnd(8)} ${name.padEnd(20)} encode ${encode.toFixed(1).padStart(6)} M/s  decode ${decode.toFixed(1).padStart(6)} M/s  ${bytes.toFixed(1).padStart(6)} B` +
          (ceiling === undefined ? '' : `  (design: ${ceiling.encode} and ${ceiling.decode} M/s)`),
      )
  }
}
