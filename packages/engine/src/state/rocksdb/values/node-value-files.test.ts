// What becomes of errors of the disk that files with values are on: they say who must act, and are not taken for damage.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { DiskError, MillraceError, nodeDisk, type Disk, type DiskErrorReason } from '@millrace/core'
import { isDamage } from '../../../checkpoint/storage-errors.ts'
import { engineError } from '../../../errors.ts'
import type { StoredFile } from '../ordered-store.ts'
import { NodeValueFiles } from './node-value-files.ts'
import type { ValueFile } from './value-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-value-files-'))
after(() => rmSync(folder, { recursive: true }))
let folders = 0
const NAME = '000007.values'

function filesOn(disk: Disk = nodeDisk): readonly [NodeValueFiles, string] {
  const dir = join(folder, String(++folders))
  return [new NodeValueFiles(disk, dir), dir]
}

/** Whether an error is told to whoever keeps the machine, and nobody takes it for damage. */
const told =
  (code: string, reason: DiskErrorReason, about: string = NAME) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error))
    assert.deepEqual([error.code, error.who, isDamage(error)], [code, 'operator', false])
    assert.ok(error.message.includes(about), error.message)
    assert.ok(error.cause instanceof DiskError && error.cause.reason === reason, String(error.cause))
    return true
  }

async function restored(make: (path: string) => void): Promise<ValueFile> {
  const [files] = filesOn()
  const link = async (path: string): Promise<boolean> => (make(path), true)
  return await files.restore({ name: NAME, link, read: () => assert.fail('it is read') })
}

function stored(read: StoredFile['read']): StoredFile {
  return { name: NAME, read }
}

describe('a file with values whose disk fails', () => {
  it('says so when it is read, on this thread and on another', async () => {
    const file = await restored((path) => mkdirSync(path))
    assert.throws(() => file.readNow(Buffer.alloc(4), 0), told('STATE_DISK_FAILED', 'is-a-directory'))
    await assert.rejects(file.read(Buffer.alloc(4), 0), told('STATE_DISK_FAILED', 'is-a-directory'))
  })

  it('tells a failing disk from an end that comes too early', { skip: process.platform !== 'linux' && 'there is no /proc' }, async () => {
    // Nothing is at the first address of any process: the system says that it cannot be read.
    const failing = await restored((path) => symlinkSync('/proc/self/mem', path))
    assert.throws(() => failing.readNow(Buffer.alloc(4), 0), told('STATE_DISK_FAILED', 'input-output'))
    await assert.rejects(failing.read(Buffer.alloc(4), 0), told('STATE_DISK_FAILED', 'input-output'))
    const short = await restored((path) => writeFileSync(path, 'abc'))
    assert.throws(() => short.readNow(Buffer.alloc(4), 0), isDamage)
    await assert.rejects(short.read(Buffer.alloc(4), 0), isDamage)
  })

  it('says so when it is written, made or opened', async () => {
    const [files, dir] = filesOn()
    writeFileSync(dir, '')
    assert.throws(() => files.create(NAME), told('STATE_DISK_FAILED', 'exists', dir))
    await assert.rejects(files.restore(stored(() => assert.fail('it is read'))), told('STATE_DISK_FAILED', 'exists', dir))
    const linked = await restored((path) => writeFileSync(path, 'abc'))
    assert.throws(() => linked.appendNow(Buffer.from('d')), told('STATE_DISK_FAILED', 'other'))
    await assert.rejects(
      restored(() => {}),
      told('STATE_DISK_FAILED', 'not-found'),
    )
  })

  it('says what a full disk needs, and what one needs that may not be written', async () => {
    for (const [reason, code] of [
      ['no-space', 'STATE_DISK_FULL'],
      ['not-permitted', 'STATE_DISK_NOT_WRITABLE'],
      ['too-many-open', 'STATE_DISK_FAILED'],
    ] as const) {
      const fail = async (path: string): Promise<never> => await Promise.reject(new DiskError(reason, 'refuse', path))
      const [making] = filesOn({ ...nodeDisk, makeDirectory: fail })
      await assert.rejects(making.restore(stored(() => assert.fail('it is read'))), told(code, reason, folder))
      const [removing] = filesOn({ ...nodeDisk, remove: fail, removeTree: fail })
      const file = removing.create(NAME)
      await assert.rejects(file.remove(), told(code, reason))
      await assert.rejects(removing.removeAll(), told(code, reason, folder))
    }
  })

  it('leaves to the storage of checkpoints what that says, and keeps no file of one that it could not read', async () => {
    const [files, dir] = filesOn()
    const damaged = engineError('CHECKPOINT_DAMAGED', { path: 'shared/1-1-1-0-000007-values', problem: 'its checksum does not match' })
    const read = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc')
      throw damaged
    }
    await assert.rejects(files.restore(stored(read)), (error) => error === damaged)
    await files.removeAll()
    assert.throws(() => readdirSync(dir), { code: 'ENOENT' })
  })
})
