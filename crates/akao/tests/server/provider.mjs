// A certified OpenID provider of its own process, for the stories of signing in. Prints its issuer as one line of JSON.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// Nobody reads its warnings, which say that these settings are not for production.
console.info = console.warn = () => {};

const [folder, callback] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const people = {
  ada: { email: 'ada@example.com', email_verified: true, name: 'Ada', groups: ['staff'] },
  grace: { email: 'grace@example.com', email_verified: true, name: 'Grace', groups: ['staff', 'admins'] },
  mallory: { email: 'ada@example.com', email_verified: false, name: 'Mallory', groups: [] },
};

const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'akao', client_secret: 'a-secret-of-the-client', redirect_uris: [callback] }],
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    pkce: { required: () => true },
    cookies: { keys: ['only for tests'] },
    features: { devInteractions: { enabled: true } },
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer }));
});
