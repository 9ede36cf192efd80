import { COMPRESSION_LEVELS, COMPRESSION_TYPES, type CompressionType } from '../../compression/index.ts'
import { clientError } from '../errors.ts'
import { checkOneOf, checkWholeNumber, INT32_MAX, type OptionNames } from '../option-checks.ts'

/** How a producer writes. Names in quotes are Kafka's, and so are the defaults (of Kafka 4). */
export interface ProducerOptions {
  /** `acks`: all replicas in sync (-1), the leader (1), nobody (0). -1 by default; idempotence needs it. */
  readonly acks?: -1 | 0 | 1
  /** `enable.idempotence`: each record once and in order, also after retries. True by default unless `acks` is given otherwise. */
  readonly idempotent?: boolean
  /** `linger.ms`: how long a batch that is not full waits for more; 5 by default. */
  readonly lingerMs?: number
  /** `batch.size` before compression; 16,384 by default. */
  readonly batchBytes?: number
  /** `compression.type`; 'none' by default. */
  readonly compression?: CompressionType
  /** Of gzip or zstd, within `COMPRESSION_LEVELS`; Kafka's default of each. */
  readonly compressionLevel?: number
  /** `max.in.flight.requests.per.connection`; 5 by default, and 5 at most: brokers remember so many batches. */
  readonly maxInFlight?: number
  /** `max.request.size`; 1,048,576 by default. No record may be larger. */
  readonly maxRequestBytes?: number
  /** `delivery.timeout.ms`: after so long a record that is not acknowledged has failed; 120,000 by default. */
  readonly deliveryTimeoutMs?: number
  /** `request.timeout.ms` of Produce; that of the client by default. */
  readonly requestTimeoutMs?: number
  /** `buffer.memory`: bytes of records that are not acknowledged; 33,554,432 by default. */
  readonly bufferBytes?: number
  /** `max.block.ms`: how long `send` waits for room in the buffer, and for a partition that the topic does not have; 60,000 by default. */
  readonly maxBlockMs?: number
}

export interface ProducerSettings {
  readonly acks: -1 | 0 | 1
  readonly idempotent: boolean
  readonly lingerMs: number
  readonly batchBytes: number
  readonly compression: CompressionType
  readonly compressionLevel: number | undefined
  readonly maxInFlight: number
  readonly maxRequestBytes: number
  readonly deliveryTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly bufferBytes: number
  readonly maxBlockMs: number
}

const MAX_IN_FLIGHT = 5

export const producerOptionNames: OptionNames<ProducerOptions> = {
  acks: true,
  idempotent: true,
  lingerMs: true,
  batchBytes: true,
  compression: true,
  compressionLevel: true,
  maxInFlight: true,
  maxRequestBytes: true,
  deliveryTimeoutMs: true,
  requestTimeoutMs: true,
  bufferBytes: true,
  maxBlockMs: true,
}

/** @throws `CLIENT_OPTION` */
export function producerSettings(options: ProducerOptions, requestTimeoutMs: number): ProducerSettings {
  const acks = options.acks ?? -1
  const idempotent = options.idempotent ?? acks === -1
  const maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT
  if (idempotent && acks !== -1)
    throw clientError('CLIENT_OPTION', { option: 'acks', expected: 'be -1 for an idempotent producer', value: acks })
  const settings: ProducerSettings = {
    acks,
    idempotent,
    lingerMs: options.lingerMs ?? 5,
    batchBytes: options.batchBytes ?? 16_384,
    compression: options.compression ?? 'none',
    compressionLevel: options.compressionLevel,
    maxInFlight,
    maxRequestBytes: options.maxRequestBytes ?? 1_048_576,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
    requestTimeoutMs: options.requestTimeoutMs ?? requestTimeoutMs,
    bufferBytes: options.bufferBytes ?? 33_554_432,
    maxBlockMs: options.maxBlockMs ?? 60_000,
  }
  checkSettings(settings)
  return settings
}

function checkSettings(settings: ProducerSettings): void {
  const { acks, compression, compressionLevel: level } = settings
  checkOneOf('acks', acks, [-1, 0, 1])
  checkOneOf('compression', compression, COMPRESSION_TYPES)
  checkWholeNumber('maxInFlight', settings.maxInFlight, 1, MAX_IN_FLIGHT)
  for (const option of ['lingerMs', 'maxBlockMs'] as const) checkWholeNumber(option, settings[option], 0, INT32_MAX)
  for (const option of ['batchBytes', 'maxRequestBytes', 'deliveryTimeoutMs', 'requestTimeoutMs'] as const)
    checkWholeNumber(option, settings[option], 1, INT32_MAX)
  checkWholeNumber('bufferBytes', settings.bufferBytes, 1, Number.MAX_SAFE_INTEGER)
  if (level === undefined) return
  if (compression !== 'gzip' && compression !== 'zstd') {
    const expected = `be left out: with compression ${compression} there is none to choose`
    throw clientError('CLIENT_OPTION', { option: 'compressionLevel', expected, value: level })
  }
  const { min, max } = COMPRESSION_LEVELS[compression]
  checkWholeNumber('compressionLevel', level, min, max)
}
