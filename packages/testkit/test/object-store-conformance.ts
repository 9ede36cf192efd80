import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isObjectMissing, PART_BYTES, type ObjectStore } from '../../engine/src/checkpoint/object-store/object-store.ts'

/** What every store of objects does, and checkpoints rely on. `open` answers two ways to one store, as two processes have them. */
export function objectStoreConformance(
  open: () => { readonly store: ObjectStore; readonly other: ObjectStore; readonly prefix: string },
): void {
  const bytes = (text: string): Uint8Array => Buffer.from(text)
  const text = (content: Uint8Array): string => Buffer.from(content).toString()

  it('gives back what was put, whole and in parts', async () => {
    const { store, other, prefix } = open()
    const key = `${prefix}folder/an object, 100% ü+&=.x`
    await store.put(key, bytes('first'))
    await store.put(key, bytes('0123456789'))
    assert.equal(text(await other.get(key)), '0123456789')
    assert.equal(text(await other.get(key, { offset: 2, length: 3 })), '234')
    assert.equal(text(await other.get(key, { offset: 8, length: 30 })), '89')
    assert.equal(text(await other.get(key, { offset: 10, length: 1 })), '')
    await store.put(`${prefix}empty`, bytes(''))
    assert.equal((await other.get(`${prefix}empty`)).length, 0)
    await assert.rejects(store.get(`${prefix}folder/missing`), isObjectMissing)
    await store.delete([key, `${prefix}empty`])
  })

  it('puts only where there is none, of many at once one', async () => {
    const { store, other, prefix } = open()
    const key = `${prefix}lock/claim`
    const contents = Array.from({ length: 8 }, (_, index) => `writer ${index}`)
    const won = await Promise.all(contents.map((content, index) => (index % 2 === 0 ? store : other).putIfAbsent(key, bytes(content))))
    assert.equal(won.filter(Boolean).length, 1, won.join())
    assert.equal(text(await store.get(key)), contents[won.indexOf(true)])
    assert.equal(await other.putIfAbsent(key, bytes('late')), false)
    assert.deepEqual(
      (await store.list(`${prefix}lock/`)).map((object) => object.key),
      [key],
    )
    await other.delete([key])
    assert.equal(await store.putIfAbsent(key, bytes('')), true)
    assert.equal(await other.putIfAbsent(key, bytes('over an empty one')), false)
    await store.delete([key])
  })

  it('lists everything under a prefix, and forgets what was deleted', async () => {
    const { store, other, prefix } = open()
    const names = Array.from({ length: 25 }, (_, index) => `${prefix}list/${index % 3}/object-${index}`)
    await Promise.all(names.map((name, index) => store.put(name, new Uint8Array(index))))
    const listed = (await other.list(`${prefix}list/`)).toSorted((a, b) => a.sizeBytes - b.sizeBytes)
    assert.deepEqual(
      listed,
      names.map((key, sizeBytes) => ({ key, sizeBytes })),
    )
    assert.equal((await other.list(`${prefix}list/1/`)).length, 8)
    assert.deepEqual(await other.list(`${prefix}nothing/`), [])
    await store.delete([...names, `${prefix}list/never-there`])
    assert.deepEqual(await other.list(`${prefix}list/`), [])
    await store.delete(names)
  })

  it('uploads in parts, and leaves nothing of what was given up', async () => {
    const { store, other, prefix } = open()
    const [whole, aborted, left] = ['whole', 'aborted', 'left'].map((name) => `${prefix}uploads/${name}`) as [string, string, string]
    const parts = [1, 2, 3].map((value) => new Uint8Array(value === 3 ? 1_000 : PART_BYTES).fill(value))
    const upload = await store.beginUpload(whole)
    for (const part of parts) await upload.part(part)
    await upload.complete()
    assert.ok(Buffer.concat(parts).equals(await other.get(whole)))
    const given = await store.beginUpload(aborted)
    await given.part(parts[0]!)
    await given.abort()
    await given.abort()
    const crashed = await store.beginUpload(left)
    await crashed.part(parts[0]!)
    await other.abortUploads(`${prefix}uploads/`)
    await crashed.abort()
    await other.delete([left])
    assert.deepEqual(await other.list(`${prefix}uploads/`), [{ key: whole, sizeBytes: 2 * PART_BYTES + 1_000 }])
    await store.delete([whole])
    assert.deepEqual(await other.abortUploads(prefix), [])
  })
}
