import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeClock, nodeDisk } from '@millrace/core'
import { rocksdbPackage } from './rocksdb-binding.ts'
import { RocksdbStores } from './rocksdb-stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-rocksdb-stores-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The one that the repository installs. */
const skip = rocksdbPackage() === '@harperfast/rocksdb-js-linux-x64-glibc' ? false : `no binding is installed for ${rocksdbPackage()}`

describe('the folders of databases', { skip }, () => {
  it('are empty at first, also where a process that was killed has left one of the same attempt; those of others in use stay', async () => {
    const left = [
      'attempt-1-region-0',
      'attempt-1-region-0-slot-0',
      'attempt-1-region-1-slot-0',
      'attempt-2-region-0-slot-0',
      'attempt-2-region-0-slot-1',
      'attempt-2-region-1-slot-0',
    ]
    for (const name of left) {
      mkdirSync(join(folder, name, '1-0-1'), { recursive: true })
      writeFileSync(join(folder, name, '1-0-1', '000012.sst'), 'rows of a former process')
    }
    const ports = { disk: nodeDisk, clock: nodeClock }
    await RocksdbStores.open(ports, folder, { attempt: 2, oldestAttempt: 1, region: 0, slot: 0 })
    assert.deepEqual(readdirSync(folder).toSorted(), [
      'attempt-1-region-1-slot-0',
      'attempt-2-region-0-slot-0',
      'attempt-2-region-0-slot-1',
      'attempt-2-region-1-slot-0',
    ])
    assert.deepEqual(readdirSync(join(folder, 'attempt-2-region-0-slot-0')), [])
  })
})
