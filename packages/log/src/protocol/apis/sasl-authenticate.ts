/**
 * SaslAuthenticate, API key 36, versions 0 to 2.
 *
 * - 1: response gains sessionLifetimeMs
 * - 2: flexible
 */
export const saslAuthenticate = {
  key: 36,
  name: 'SaslAuthenticate',
  versions: '0-2',
  flexible: '2+',
  request: {
    authBytes: 'bytes',
  },
  response: {
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    authBytes: 'bytes',
    sessionLifetimeMs: { type: 'int64', versions: '1+', ignorable: true },
  },
} as const
