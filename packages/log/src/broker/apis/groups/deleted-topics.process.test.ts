// Offsets of topics that are deleted: a topic made again under the same name is read from its beginning.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EmbeddedCoordination, nodeDisk } from '@millrace/core'
import { LogClient } from '../../../client/index.ts'
import { deletionPath } from '../../../controller/paths.ts'
import { Log } from '../../log.ts'

void test('offsets of a topic are forgotten also where a stop has interrupted its deletion', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-deleted-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const using = async (work: (client: LogClient) => Promise<void>): Promise<void> => {
    const log = await Log.start({ dir })
    const client = new LogClient({ bootstrap: log.bootstrap })
    await work(client).finally(() => client.close())
    await log.close()
  }
  await using(async ({ admin }) => {
    for (const name of ['kept', 'deleted']) {
      await admin.createTopics([{ name, partitions: 1 }])
      await admin.groups.commitOffsets('g', [{ topic: name, partition: 0, offset: 7 }])
    }
  })
  // As far as a deletion has come when the power fails right after it was noted.
  const coordination = await EmbeddedCoordination.open({ disk: nodeDisk, folder: dir })
  await (await coordination.connect()).create(deletionPath('deleted'), new Uint8Array(0))
  await coordination.close()
  await using(async ({ admin }) => {
    await admin.createTopics([{ name: 'deleted', partitions: 1 }])
    const offsets = await admin.groups.offsets('g')
    assert.deepEqual(
      offsets.map(({ topic, offset }) => [topic, offset]),
      [['kept', 7]],
    )
  })
})
