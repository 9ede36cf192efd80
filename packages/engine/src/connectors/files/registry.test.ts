import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMemoryDisk, type Disk } from '@millrace/core'
import { findFiles } from './finder.ts'
import { FileRegistry } from './registry.ts'

/** A disk whose files are all as old as `birth` says at the time. */
function diskWithBirths(memory: Disk, birth: { readonly bornMs: number }): Disk {
  const births: Partial<Disk> = {
    stat: async (path) => ({ ...(await memory.stat(path)), ...birth }),
  }
  return new Proxy(memory, {
    get: (target, name: keyof Disk) => births[name] ?? (target[name] as (...args: readonly unknown[]) => unknown).bind(target),
  })
}

async function write(disk: Disk, path: string, text: string): Promise<void> {
  const handle = await disk.open(path, 'write')
  await handle.write(Buffer.from(text), 0)
  await handle.close()
}

void it('knows a short rotated file that has grown and was renamed again between two looks by when it was made, and takes a younger one with its inode for another', async () => {
  let nowMs = 0
  const birth = { bornMs: 1 }
  const disk = diskWithBirths(
    createMemoryDisk(() => nowMs++),
    birth,
  )
  let state = { nextSequence: 0, known: [], heads: [] } as ReturnType<FileRegistry['state']>
  const look = async (): Promise<number> => {
    const found = (await findFiles(disk, '/app.log*')) ?? []
    const registry = new FileRegistry(disk, ['/app.log*'], 0, state)
    const { length } = await registry.add(found, false)
    await registry.remember(found)
    state = registry.state()
    return length
  }
  await write(disk, '/app.log', 'one\n')
  assert.equal(await look(), 1)
  await disk.rename('/app.log', '/app.log.1')
  assert.equal(await look(), 0)
  const grow = async (from: string, to: string, text: string): Promise<number> => {
    await write(disk, from, text)
    await disk.rename(from, to)
    return await look()
  }
  assert.equal(await grow('/app.log.1', '/app.log.2', 'one\ntwo\n'), 0)
  birth.bornMs = 2
  assert.equal(await grow('/app.log.2', '/app.log.3', 'one\nthree\n'), 1)
})

void it('finds thousands of files in about as many steps, and knows them again', async () => {
  const counted = new Map<string, number>()
  const memory = createMemoryDisk(() => 0)
  const disk = new Proxy(memory, {
    get: (target, name: keyof Disk) => {
      counted.set(name, (counted.get(name) ?? 0) + 1)
      return (target[name] as (...args: readonly unknown[]) => unknown).bind(target)
    },
  })
  const count = 1_000
  await memory.makeDirectory('/in')
  for (let n = 0; n < count; n++) await write(memory, `/in/part-${n}.log`, `file ${n}\n`)
  const registry = new FileRegistry(disk, ['/in'], 0, { nextSequence: 0, known: [], heads: [] })
  const found = (await findFiles(disk, '/in'))!
  const added = await registry.add(found, false)
  assert.deepEqual(
    added.map(({ path, sequence }) => [path, sequence]),
    found.map(({ path }, sequence) => [path, sequence]),
  )
  for (let n = 0; n < count; n++) await memory.remove(`/in/part-${n}.log`)
  counted.clear()
  await registry.remember((await findFiles(disk, '/in'))!)
  assert.deepEqual(registry.state().known, [])
  assert.ok((counted.get('list') ?? 0) < 5, `the folder is listed ${counted.get('list')} times`)
})
