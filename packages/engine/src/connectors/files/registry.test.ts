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
