import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefetch } from './prefetch.ts'

const MEGABYTE = 1024 * 1024

/** Reads that end when the test says so. */
class HeldReads {
  readonly #held: Map<number, PromiseWithResolvers<string>> = new Map()

  get running(): readonly number[] {
    return [...this.#held.keys()]
  }

  readonly read = (item: number): Promise<string> => {
    const held = Promise.withResolvers<string>()
    this.#held.set(item, held)
    return held.promise
  }

  end(item: number): void {
    this.#held.get(item)!.resolve(`bytes of ${item}`)
    this.#held.delete(item)
  }

  fail(item: number): void {
    this.#held.get(item)!.reject(new Error(`cannot read ${item}`))
    this.#held.delete(item)
  }
}

test('what comes next is read while the first is waited for, and all is given in order', async () => {
  const reads = new HeldReads()
  const items = prefetch([1, 2, 3], { sizeBytes: () => 1, read: reads.read })
  const first = items.next()
  assert.deepEqual(reads.running, [1, 2, 3])
  reads.end(3)
  reads.end(1)
  assert.deepEqual(await first, { done: false, value: [1, 'bytes of 1'] })
  const second = items.next()
  reads.end(2)
  assert.deepEqual(
    [(await second).value, (await items.next()).value],
    [
      [2, 'bytes of 2'],
      [3, 'bytes of 3'],
    ],
  )
  assert.deepEqual(await items.next(), { done: true, value: undefined })
})

test('no more bytes are read ahead than the bound, but one of any size', async () => {
  const reads = new HeldReads()
  const items = prefetch([20, 3, 4, 2], { sizeBytes: (megabytes) => megabytes * MEGABYTE, read: reads.read })
  const first = items.next()
  assert.deepEqual(reads.running, [20])
  reads.end(20)
  await first
  const second = items.next()
  assert.deepEqual(reads.running, [3, 4])
  reads.end(3)
  await second
  const third = items.next()
  assert.deepEqual(reads.running, [4, 2])
  reads.end(4)
  reads.end(2)
  await third
})

test('a failure is met in its turn, and no read is left running', async () => {
  const reads = new HeldReads()
  const items = prefetch([1, 2, 3], { sizeBytes: () => 1, read: reads.read })
  const first = items.next()
  reads.fail(2)
  reads.end(1)
  assert.deepEqual((await first).value, [1, 'bytes of 1'])
  const failed = items.next().then(
    () => 'gave something',
    (error: unknown) => String(error),
  )
  let told = false
  void failed.then(() => (told = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(told, false, 'the third read is still running')
  reads.end(3)
  assert.equal(await failed, 'Error: cannot read 2')
})

test('whoever stops early has no read left running', async () => {
  const reads = new HeldReads()
  const items = prefetch([1, 2], { sizeBytes: () => 1, read: reads.read })
  const first = items.next()
  reads.end(1)
  await first
  let stopped = false
  const stop = items.return(undefined).then(() => (stopped = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(stopped, false)
  reads.fail(2)
  await stop
})
