import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMemoryDisk, type Disk } from '@millrace/core'
import { fingerprintOf } from './fingerprint.ts'
import { locate } from './locate.ts'

void it('finds a file that is renamed between the looks at it, and does not take it for a truncated one', async () => {
  const memory = createMemoryDisk()
  await write(memory, '/a.log', 'one\n')
  const { inode, size: sizeBytes, modifiedMs } = await memory.stat('/a.log')
  const fingerprint = fingerprintOf(Buffer.from('one\n'))
  const split = {
    id: 'a',
    path: '/a.log',
    sequence: 0,
    inode,
    fingerprint,
    offset: 4,
    sizeBytes,
    modifiedMs,
    generation: 0,
    detached: false,
  }
  let isRotated = false
  const disk: Disk = Object.assign(Object.create(memory) as Disk, {
    stat: (path: string) => memory.stat(path),
    list: (path: string) => memory.list(path),
    open: async (path: string) => {
      if (!isRotated) {
        isRotated = true
        await memory.rename('/a.log', '/a.log.1')
        await write(memory, '/a.log', 'two\n')
      }
      return await memory.open(path, 'read')
    },
  })
  const location = await locate(disk, split, true)
  assert.ok(location.kind === 'here' && location.as === 'renamed', location.kind)
  await location.content.close()
})

async function write(disk: Disk, path: string, text: string): Promise<void> {
  const handle = await disk.open(path, 'write')
  await handle.write(Buffer.from(text), 0)
  await handle.close()
}
