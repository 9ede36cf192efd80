/**
 * SaslHandshake, API key 17, versions 0 to 1.
 */
export const saslHandshake = {
  key: 17,
  name: 'SaslHandshake',
  versions: '0-1',
  flexible: null,
  request: {
    mechanism: 'string',
  },
  response: {
    errorCode: 'int16',
    mechanisms: { type: 'array', of: 'string' },
  },
} as const
