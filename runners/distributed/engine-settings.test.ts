/** Where an engine is said to be. */
import { expect, it } from 'vitest'
import { checkPlace } from './engine-settings.js'

it.each(['localhost', 'localhost:', ':8099', 'http://localhost:8099', 'localhost:99999', 'local host:1', ''])(
  'refuses "%s", which is no address',
  (jobEndpoint) => {
    expect(() => checkPlace('prism', { jobEndpoint })).toThrow(/jobEndpoint of engine must be an address such as/)
  },
)

it.each(['localhost:8099', '127.0.0.1:1', 'engines.example:65535'])('takes %s', (jobEndpoint) => {
  expect(() => checkPlace('flink', { jobEndpoint })).not.toThrow()
})
