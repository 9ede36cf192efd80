import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryDisk, type Disk, type FileHandle } from '@millrace/core'
import { Log } from '../../log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'

/** A disk whose syncs of segments wait while the gate is closed. */
class GatedDisk {
  #opened: Promise<void> = Promise.resolve()
  #open: () => void = () => undefined
  syncs = 0
  readonly disk: Disk

  constructor() {
    const memory = createMemoryDisk()
    const gate = this.#gated.bind(this)
    this.disk = new Proxy(memory, {
      get: (disk, name: keyof Disk) =>
        name === 'open' ? async (...args: Parameters<Disk['open']>) => gate(args[0], await disk.open(...args)) : bound(disk, name),
    })
  }

  close(): void {
    this.#opened = new Promise((resolve) => (this.#open = resolve))
  }

  open(): void {
    this.#open()
  }

  #gated(path: string, file: FileHandle): FileHandle {
    if (!path.endsWith('.log')) return file
    return new Proxy(file, {
      get: (handle, name: keyof FileHandle) =>
        name === 'sync'
          ? async () => {
              this.syncs++
              await this.#opened
              await handle.sync()
            }
          : bound(handle, name),
    })
  }
}

/** A method of it, or whatever else it has by that name: whoever awaits it asks for `then`. */
function bound<T extends object>(of: T, name: keyof T): unknown {
  const member = of[name]
  return typeof member === 'function' ? (member.bind(of) as unknown) : member
}

const soon = (): Promise<false> => new Promise((resolve) => setTimeout(resolve, 40, false))

test('durable: nothing is acknowledged or shown before it is synced; what waits is synced together', async () => {
  const gated = new GatedDisk()
  const log = await Log.start({ durable: true, ports: { disk: gated.disk } })
  const [producer, reader] = [await WireClient.connect(log), await WireClient.connect(log)]
  await createTopic(producer, 'd')
  assert.equal((await produceTo(producer, 'd', batchOf(['first']))).baseOffset, 0)
  gated.close()
  const { syncs } = gated
  const acknowledged = Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((value, at) => produceTo(producer, 'd', batchOf([value]), { acks: at % 2 === 0 ? -1 : 1 })),
  )
  assert.equal(await Promise.race([acknowledged, soon()]), false)
  assert.deepEqual((await fetchFrom(reader, 'd')).values, ['first'], 'written, but a crash could take it')
  const poll = fetchFrom(reader, 'd', { offset: 1, maxWaitMs: 5000 })
  gated.open()
  assert.deepEqual(
    (await acknowledged).map(({ baseOffset }) => baseOffset),
    [1, 2, 3, 4, 5],
  )
  assert.ok((await poll).values.length > 0)
  assert.ok(gated.syncs - syncs <= 3, `${gated.syncs - syncs} syncs`)
  await producer.close()
  await reader.close()
  await log.close()
})

test('not durable: nothing waits for a sync', async () => {
  const gated = new GatedDisk()
  const log = await Log.start({ ports: { disk: gated.disk } })
  const client = await WireClient.connect(log)
  await createTopic(client, 'n')
  gated.close()
  assert.equal((await produceTo(client, 'n', batchOf(['a']))).baseOffset, 0)
  assert.deepEqual((await fetchFrom(client, 'n')).values, ['a'])
  gated.open()
  await client.close()
  await log.close()
})
