import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DiskError, nodeDisk, type Disk } from '@millrace/core'
import { FolderSync, makeDurableFolder, parentOf } from './durable-folders.ts'

/** A disk whose folder syncs end when the test says so. */
function syncs(): { readonly disk: Disk; readonly running: ((error?: Error) => void)[] } {
  const running: ((error?: Error) => void)[] = []
  const syncDirectory = (): Promise<void> =>
    new Promise((resolve, reject) => running.push((error) => (error === undefined ? resolve() : reject(error))))
  return { disk: { ...nodeDisk, syncDirectory }, running }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('folder sync', () => {
  it('never takes a sync that began earlier for proof, and shares the next', async () => {
    const { disk, running } = syncs()
    const folder = new FolderSync(disk, '/x')
    const done: string[] = []
    const note = (name: string): Promise<number> => folder.sync().then(() => done.push(name))
    const all = [note('first'), note('second'), note('third')]
    assert.equal(running.length, 1)
    running[0]!()
    await turn()
    assert.deepEqual([done, running.length], [['first'], 2])
    all.push(note('fourth'))
    running[1]!()
    await turn()
    assert.deepEqual([done, running.length], [['first', 'second', 'third'], 3])
    running[2]!()
    await Promise.all(all)
    assert.equal(running.length, 3)
  })

  it('tells a failure to those who waited for it, and tries anew for the others', async () => {
    const { disk, running } = syncs()
    const folder = new FolderSync(disk, '/x')
    const first = folder.sync()
    const second = folder.sync()
    running[0]!(new Error('EIO'))
    await assert.rejects(first, /EIO/)
    await turn()
    running[1]!()
    await second
  })
})

describe('durable folder', () => {
  it('syncs every folder above, and leaves those it may not read', async () => {
    const synced: string[] = []
    const disk: Disk = {
      ...nodeDisk,
      makeDirectory: async () => {},
      syncDirectory: async (path) => {
        if (path === '/') throw new DiskError('not-permitted', 'sync folder', path)
        synced.push(path)
      },
    }
    await makeDurableFolder(disk, '/a/b/c')
    assert.deepEqual(synced, ['/a/b', '/a'])
    const failing: Disk = { ...disk, syncDirectory: () => Promise.reject(new DiskError('input-output', 'sync folder', '/a')) }
    await assert.rejects(makeDurableFolder(failing, '/a/b/c'), DiskError)
  })

  it('knows parents', () => {
    assert.deepEqual(['/a/b', '/a', '/', 'a/b', 'a', 'a/b/'].map(parentOf), ['/a', '/', '/', 'a', '.', 'a'])
  })
})
