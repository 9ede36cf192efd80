import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import {
  APIS,
  ByteReader,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  ERROR_CODE,
  ERROR_CODES,
  errorCode,
  FrameSplitter,
  readCorrelationId,
  readRequest,
  requestCodec,
  requestHeaderVersion,
  responseCodec,
  responseHeaderVersion,
  type ApiName,
} from './index.ts'

function frameOf(chunks: readonly Uint8Array[]): Uint8Array {
  const splitter = new FrameSplitter(1_000_000)
  for (const chunk of chunks) splitter.push(chunk)
  const frame = splitter.next()
  assert.ok(frame !== undefined)
  assert.equal(splitter.bufferedBytes, 0)
  return frame
}

/** The bytes of fields written one by one in hexadecimal digits, blanks between them. */
function hex(digits: string): Uint8Array {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

const HEADER = { correlationId: 77, clientId: 'me' }

describe('requests and responses', () => {
  it('carry their headers in every version', () => {
    for (const { name, minVersion, maxVersion } of APIS) {
      for (let version = minVersion; version <= maxVersion; version++) {
        const head = readRequest(frameOf(encodeOrSkip(name, version)))
        assert.deepEqual(
          [head.api.name, head.version, head.correlationId, head.clientId, head.isSupported],
          [name, version, 77, 'me', true],
        )
      }
    }
  })

  it('have the layout of the protocol', () => {
    // A flexible header keeps a plain client id; then a compact name and version, and no tags.
    const request = encodeRequest('ApiVersions', 3, HEADER, { clientSoftwareName: 'java', clientSoftwareVersion: '4' })
    assert.deepEqual(Buffer.concat(request), hex('00000015 0012 0003 0000004d 0002 6d65 00 05 6a617661 02 34 00'))
    const metadata = encodeRequest('Metadata', 1, { correlationId: 1, clientId: null }, { topics: null })
    assert.deepEqual(Buffer.concat(metadata), hex('0000000e 0003 0001 00000001 ffff ffffffff'))
  })

  it('never give ApiVersions a flexible response header', () => {
    assert.equal(responseHeaderVersion('ApiVersions', 3), 0)
    assert.equal(requestHeaderVersion('ApiVersions', 3), 2)
    assert.equal(responseHeaderVersion('Fetch', 12), 1)
    assert.equal(requestHeaderVersion('Fetch', 11), 1)
    const versions = [{ apiKey: 0, minVersion: 0, maxVersion: 13 }]
    const bytes = frameOf(encodeResponse('ApiVersions', 0, 9, { errorCode: ERROR_CODE.UNSUPPORTED_VERSION, apiKeys: versions }))
    assert.deepEqual(Buffer.from(bytes), hex('00000009 0023 00000001 0000 0000 000d'))
    assert.deepEqual(decodeResponse('ApiVersions', 0, bytes).apiKeys, versions)
    assert.equal(readCorrelationId(bytes), 9)
  })

  it('read the header of an ApiVersions request that is too new, so that it can be answered', () => {
    const frame = frameOf(encodeRequest('ApiVersions', 4, HEADER, { clientSoftwareName: 'x', clientSoftwareVersion: 'y' }))
    frame[3] = 9
    const head = readRequest(frame)
    assert.deepEqual([head.version, head.correlationId, head.clientId, head.isSupported], [9, 77, 'me', false])
    assert.throws(() => decodeRequest('ApiVersions', 9, head.body), { code: 'PROTOCOL_UNSUPPORTED_VERSION' })
  })

  it('refuse unknown keys, negative versions and short frames', () => {
    assert.throws(() => readRequest(Buffer.from('03e70000000000010000', 'hex')), { code: 'PROTOCOL_UNKNOWN_API' })
    assert.throws(() => readRequest(Buffer.from('0003ffff000000010000', 'hex')), { code: 'PROTOCOL_MALFORMED' })
    assert.throws(() => readRequest(Buffer.from('00030001', 'hex')), { code: 'PROTOCOL_TRUNCATED' })
    assert.throws(() => readRequest(new Uint8Array(0)), ProtocolError)
    assert.throws(() => readCorrelationId(new Uint8Array(3)), ProtocolError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        try {
          readRequest(Uint8Array.of(0, bytes.length, ...bytes))
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
        }
      }),
      { numRuns: 300 },
    )
  })

  it('do not copy records, in either direction', () => {
    const records = new Uint8Array(5000).fill(3)
    const produce = encodeRequest('Produce', 9, HEADER, {
      acks: -1,
      timeoutMs: 10,
      topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
    })
    assert.ok(produce.includes(records))
    const frame = frameOf([Buffer.concat(produce)])
    const read = decodeRequest('Produce', 9, readRequest(frame).body).topicData[0]!.partitionData[0]!.records!
    assert.equal(read.length, 5000)
    assert.equal(read.buffer, frame.buffer)

    const response = encodeResponse('Fetch', 16, 1, {
      responses: [
        {
          topicId: new Uint8Array(16),
          partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 9, records, abortedTransactions: null }],
        },
      ],
    })
    assert.ok(response.includes(records))
  })
})

describe('encoding', () => {
  it('refuses what a field or a version cannot carry, and says which', () => {
    const cases: readonly (readonly [RegExp, () => unknown])[] = [
      [/acks/, () => encodeRequest('Produce', 9, HEADER, { acks: 40_000, timeoutMs: 1, topicData: [] })],
      [/timeoutMs/, () => encodeRequest('Produce', 9, HEADER, { acks: 1, timeoutMs: 1.5, topicData: [] })],
      [/committedOffset/, () => encodeOffset(2 ** 53)],
      [/groupId/, () => encodeRequest('Heartbeat', 0, HEADER, { groupId: null as unknown as string, generationId: 1, memberId: '' })],
      [
        /groupInstanceId/,
        () => encodeRequest('Heartbeat', 2, HEADER, { groupId: '', generationId: 1, memberId: '', groupInstanceId: 'x' }),
      ],
      [/topics/, () => encodeRequest('Metadata', 0, HEADER, { topics: null })],
      [/clientId/, () => encodeRequest('ListGroups', 0, { correlationId: 1, clientId: 'x'.repeat(40_000) }, {})],
      [/topicId/, () => encodeRequest('DeleteTopics', 6, HEADER, { timeoutMs: 1, topics: [{ name: null, topicId: new Uint8Array(4) }] })],
    ]
    for (const [field, encode] of cases) assert.throws(encode, (error) => error instanceof ProtocolError && field.test(error.message))
  })

  it('drops an ignorable field silently', () => {
    const response = encodeResponse('Heartbeat', 0, 1, { errorCode: 0, throttleTimeMs: 100 })
    assert.equal(decodeResponse('Heartbeat', 0, frameOf(response)).throttleTimeMs, 0)
  })

  it('carries strings of any script and length', () => {
    for (const version of [0, 4]) {
      for (const groupId of [
        '',
        'a',
        'é',
        'x'.repeat(31),
        'x'.repeat(32),
        'x'.repeat(33),
        'é'.repeat(32),
        `${'x'.repeat(31)}€`,
        '€'.repeat(3000),
        '👍',
      ]) {
        const frame = frameOf(encodeRequest('Heartbeat', version, HEADER, { groupId, generationId: 1, memberId: 'm' }))
        const { body } = readRequest(frame)
        assert.equal(decodeRequest('Heartbeat', version, body).groupId, groupId)
        assert.equal(body.remaining, 0)
      }
    }
  })
})

describe('decoding', () => {
  it('skips tagged fields that it does not know, and refuses those of another size than claimed', () => {
    const codec = responseCodec('Heartbeat', 4)
    const decode = (digits: string) => codec.decode(new ByteReader(hex(digits)))
    assert.equal(decode('00000000 0007 02 05 03 aabbcc 07 00').errorCode, 7)
    assert.throws(() => decode('00000000 0007 01 05 03 aabb'), ProtocolError)
    const fetch = requestCodec('Fetch', 12)
    const head = 'ffffffff 00000001 00000000 00000001 00 00000000 00000000 01 01 01'
    const read = (tags: string) => fetch.decode(new ByteReader(hex(`${head} ${tags}`)))
    assert.equal(read('01 00 03 036162').clusterId, 'ab')
    assert.throws(() => read('01 00 04 036162 00'), { code: 'PROTOCOL_MALFORMED' })
    assert.throws(() => read('01 00 02 036162'), { code: 'PROTOCOL_MALFORMED' })
  })

  it('refuses element counts that cannot be there, before making room for them', () => {
    const claims = { 1: ['7fffffff', '00000010 0000', 'fffffffe'], 9: ['ffffffff0f', 'ffff7f 0000'] }
    for (const [version, list] of Object.entries(claims)) {
      for (const digits of list) {
        assert.throws(() => requestCodec('Metadata', Number(version)).decode(new ByteReader(hex(digits))), { code: 'PROTOCOL_MALFORMED' })
      }
    }
  })

  it('bounds the array elements of a message', () => {
    const codec = requestCodec('Metadata', 1)
    const writerBytes = Buffer.concat([Buffer.from('00000064', 'hex'), Buffer.alloc(200)])
    assert.equal(codec.decode(new ByteReader(writerBytes, 0, writerBytes.length, 100)).topics!.length, 100)
    assert.throws(() => codec.decode(new ByteReader(writerBytes, 0, writerBytes.length, 99)), { code: 'PROTOCOL_MALFORMED' })
  })

  it('refuses a null where none may be, and integers beyond 2^53', () => {
    assert.throws(() => requestCodec('Metadata', 0).decode(new ByteReader(Buffer.from('ffffffff', 'hex'))), { code: 'PROTOCOL_MALFORMED' })
    assert.throws(() => requestCodec('Heartbeat', 0).decode(new ByteReader(hex('ffff'))), { code: 'PROTOCOL_MALFORMED' })
    const tooWide = hex('00000000 0000 7fffffffffffffff 0000')
    assert.throws(() => responseCodec('InitProducerId', 0).decode(new ByteReader(tooWide)), { code: 'PROTOCOL_INT64_RANGE' })
  })
})

describe('error codes', () => {
  it('have the numbers, names and retriability of Kafka', () => {
    assert.equal(ERROR_CODES.length, 135)
    assert.equal(errorCode(35).name, 'UNSUPPORTED_VERSION')
    assert.deepEqual(errorCode(6), { code: 6, name: 'NOT_LEADER_OR_FOLLOWER', retriable: true })
    assert.deepEqual(errorCode(87), { code: 87, name: 'INVALID_RECORD', retriable: false })
    assert.deepEqual(errorCode(9999), { code: 9999, name: 'UNKNOWN_9999', retriable: false })
    assert.equal(new Set(ERROR_CODES.map((entry) => entry.code)).size, 135)
  })
})

function encodeOffset(committedOffset: number): Uint8Array[] {
  return encodeRequest('OffsetCommit', 8, HEADER, {
    groupId: 'g',
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }] }],
  })
}

/** The smallest request of an API: every field at its default. */
function encodeOrSkip(name: ApiName, version: number): Uint8Array[] {
  return encodeRequest(name, version, HEADER, {} as never)
}
