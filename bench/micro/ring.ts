// Records a second between two threads over a ring, the far side counting by key; frames a second; and how long a wake takes.
// node --conditions=@millrace/source bench/micro/ring.ts [--json]
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { RingInputChannel, RingOutputChannel } from '../../packages/engine/src/exchange/channel-ring.ts'
import { createRing, RingReader, RingWriter } from '../../packages/engine/src/exchange/ring.ts'
import { createWakeWords, Sleeper, Waker } from '../../packages/engine/src/exchange/wake.ts'

const RECORDS = 8_000_000
const KEYS = 100_000
const FRAMES = 1_000_000
const PINGS = 5_000
const ROUNDS = 3
const RING_BYTES = 1 << 20

interface Shared {
  readonly kind: 'records' | 'frames' | 'pings'
  readonly there: SharedArrayBuffer
  readonly back: SharedArrayBuffer
  readonly words: SharedArrayBuffer
}

type Work = (shared: Shared) => Promise<number>

/** Sleeps until `done` says so, looking again at each wake. */
async function until(sleeper: Sleeper, done: () => boolean, hasWork: () => boolean): Promise<void> {
  while (!done()) {
    await new Promise<void>((resolve) => {
      if (!sleeper.sleep(resolve, hasWork)) resolve()
    })
    sleeper.awake()
  }
}

async function sendRecords({ there, words }: Shared): Promise<void> {
  const output = new RingOutputChannel(there, new Waker(words, 0), { keyed: true })
  const sleeper = new Sleeper(words, 1)
  const names = Array.from({ length: 1_000 }, (_, n) => `name-${n}`)
  let user = 0
  for (let n = 0; n < RECORDS; n++) {
    user = (user + 7_919) % KEYS
    const record = { id: n, user, name: names[n % 1_000], item: 'item', amount: n / 7, at: 1.7e12 + n, ok: n % 2 === 0 }
    output.append(record, record.at, user)
    if (output.queuedBytes > 0)
      await until(
        sleeper,
        () => output.drain(),
        () => output.movable,
      )
  }
  output.event({ kind: 'end' })
  await until(
    sleeper,
    () => output.drain(),
    () => output.movable,
  )
}

const receiveRecords: Work = async ({ there, words }) => {
  const input = new RingInputChannel(there, new Waker(words, 1), { keyed: true, label: 'bench' })
  const sleeper = new Sleeper(words, 0)
  const counts = new Map<number, number>()
  let ended = false
  await until(
    sleeper,
    () => input.available,
    () => input.available,
  )
  const started = performance.now()
  const step = (): boolean => {
    for (let element = input.poll(); element !== undefined; element = input.poll()) {
      if (element.kind === 'end') ended = true
      if (element.kind !== 'records') continue
      for (let i = 0; i < element.count; i++) {
        const { user, amount } = element.values[i] as { user: number; amount: number }
        counts.set(user, (counts.get(user) ?? 0) + amount)
      }
    }
    return ended
  }
  await until(sleeper, step, () => input.available)
  return RECORDS / (performance.now() - started) / 1000
}

async function sendFrames({ there, words }: Shared): Promise<void> {
  const writer = new RingWriter(there)
  const reader = new Waker(words, 0)
  const sleeper = new Sleeper(words, 1)
  const frame = new Uint8Array(256)
  for (let n = 0; n < FRAMES; n++) {
    while (writer.write(frame, 0) === 0)
      await until(
        sleeper,
        () => writer.hasRoom,
        () => writer.hasRoom,
      )
    reader.wake()
  }
}

const receiveFrames: Work = async ({ there, words }) => {
  const writer = new Waker(words, 1)
  const reader = new RingReader(there, () => writer.wake())
  const sleeper = new Sleeper(words, 0)
  let seen = 0
  await until(
    sleeper,
    () => reader.available,
    () => reader.available,
  )
  const started = performance.now()
  const step = (): boolean => {
    for (; reader.read() !== undefined; seen++) reader.release()
    return seen === FRAMES
  }
  await until(sleeper, step, () => reader.available)
  return FRAMES / (performance.now() - started) / 1000
}

async function answerPings({ there, back, words }: Shared): Promise<void> {
  const main = new Waker(words, 0)
  const reader = new RingReader(there, () => main.wake())
  const writer = new RingWriter(back)
  const sleeper = new Sleeper(words, 1)
  const pong = new Uint8Array(8)
  for (let n = 0; n < PINGS; n++) {
    await until(
      sleeper,
      () => reader.available,
      () => reader.available,
    )
    reader.read()
    reader.release()
    writer.write(pong, 0)
    main.wake()
  }
}

/** Microseconds from a frame's writing to its reading, the reader asleep. */
const ping: Work = async ({ there, back, words }) => {
  const peer = new Waker(words, 1)
  const writer = new RingWriter(there)
  const reader = new RingReader(back, () => peer.wake())
  const sleeper = new Sleeper(words, 0)
  const started = performance.now()
  for (let n = 0; n < PINGS; n++) {
    writer.write(new Uint8Array(8), 0)
    peer.wake()
    await until(
      sleeper,
      () => reader.available,
      () => reader.available,
    )
    reader.read()
    reader.release()
  }
  return ((performance.now() - started) * 1000) / PINGS / 2
}

async function main(): Promise<void> {
  const json = process.argv.includes('--json')
  const works: readonly (readonly [Shared['kind'], Work, string, string])[] = [
    ['records', receiveRecords, 'M records/s of 7 fields, counted by key', '7'],
    ['frames', receiveFrames, 'M frames/s of 256 bytes', ''],
    ['pings', ping, 'µs a wake', '30'],
  ]
  for (const [kind, work, unit, design] of works) {
    let best: number | undefined
    for (let round = 0; round < ROUNDS; round++) {
      const shared: Shared = { kind, there: createRing(RING_BYTES), back: createRing(4096), words: createWakeWords(2) }
      const worker = new Worker(new URL(import.meta.url), { workerData: shared })
      const figure = await work(shared)
      best = best === undefined ? figure : kind === 'pings' ? Math.min(best, figure) : Math.max(best, figure)
      await worker.terminate()
    }
    if (json) console.log(JSON.stringify({ ring: kind, unit, best, design: design === '' ? undefined : Number(design) }))
    else console.log(`${best!.toFixed(2).padStart(8)} ${unit}${design === '' ? '' : ` (design: ${design})`}`)
  }
}

if (isMainThread) await main()
else {
  const shared = workerData as Shared
  const alive = setInterval(() => {}, 1000)
  await { records: sendRecords, frames: sendFrames, pings: answerPings }[shared.kind](shared)
  clearInterval(alive)
}
