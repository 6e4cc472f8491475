//! A partition on a store in memory, and short forms of what tests ask of it.

pub(crate) mod shapes;
mod store;

use std::{cell::RefCell, collections::BTreeSet, sync::Arc, time::Duration};

use hsmsim_crypto::dh::DhParameters;
use hsmsim_partition::{
    Connection, Partition, Personality, Session,
    api::{
        AppId, AttributeResult, DomainSeed, GivesAway, OpenSession, Operation, OperationKind,
        Reply, Request, SessionTag,
    },
};
pub(crate) use hsmsim_types::{
    Attribute, AttributeValue, Mechanism, ObjectId, Params, Pin, Result, Role, Template, ck::*,
    role::UserType,
};
use hsmsim_types::{SecretBytes, error::Error};

pub(crate) use self::store::MemoryStore;

pub(crate) const SO_PIN: &str = "87654321";
pub(crate) const USER_PIN: &str = "12345678";
pub(crate) const CU_PIN: &str = "11111111";
pub(crate) const NOW: Duration = Duration::from_secs(1_800_000_000);

/// Few rounds: the tests log in a lot.
pub(crate) fn open() -> Personality {
    Personality { pin_rounds: 2, ..Personality::default() }
}

/// The seed of the cloning domain with that number.
pub(crate) fn domain(number: u8) -> DomainSeed {
    DomainSeed { salt: [number; 16], key: SecretBytes::new(vec![number; 32]) }
}

/// A safe prime of 512 bits with the base 2, the same for all (`openssl dhparam 512`): to make one takes
/// from no time to many seconds.
pub(crate) fn small_group() -> DhParameters {
    let p = [
        0xf5, 0x70, 0x4c, 0xeb, 0x9c, 0x79, 0x21, 0x88, 0x2d, 0x30, 0xfe, 0x5e, 0x64, 0x90, 0xee,
        0xee, 0xd4, 0xba, 0x39, 0x7d, 0x31, 0xc3, 0xa2, 0x17, 0xad, 0x5c, 0x8e, 0xbf, 0x17, 0xe2,
        0xe4, 0x5f, 0xff, 0x6d, 0xff, 0x4e, 0xd1, 0x7c, 0xeb, 0x6c, 0x82, 0xdd, 0x0b, 0xb6, 0x59,
        0xf5, 0xf5, 0x91, 0x02, 0xc6, 0x28, 0x1a, 0x5c, 0x98, 0x3f, 0x2d, 0xf2, 0x15, 0xd1, 0x02,
        0x16, 0xe6, 0xe4, 0xa7,
    ];
    DhParameters { p: p.to_vec(), g: vec![2], q: None }
}

/// A view of a partition.
pub(crate) fn view(store: &Arc<MemoryStore>, personality: Personality) -> Arc<Partition> {
    Partition::new(Arc::clone(store) as _, Arc::new(personality))
}

/// A partition with PINs for all roles.
pub(crate) fn provisioned(personality: Personality) -> (Arc<MemoryStore>, Arc<Partition>) {
    let store = Arc::new(MemoryStore::default());
    let partition = view(&store, personality);
    provision(&partition, 1);
    (store, partition)
}

pub(crate) fn provision(partition: &Partition, number: u8) {
    partition.init_token(&Pin::new(SO_PIN), b"token", &domain(number), NOW).unwrap();
    let (so, user, cu) = (Pin::new(SO_PIN), Pin::new(USER_PIN), Pin::new(CU_PIN));
    partition.init_crypto_officer(&so, &user, NOW).unwrap();
    partition.init_crypto_user(&user, &cu, NOW).unwrap();
}

/// A session of an application, and the application's presence.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) connection: Connection,
}

impl Client {
    /// A read-write session.
    pub(crate) fn new(partition: &Arc<Partition>, app: u64, tag: u64) -> Self {
        Self::with(partition, app, tag, true)
    }

    pub(crate) fn with(partition: &Arc<Partition>, app: u64, tag: u64, read_write: bool) -> Self {
        let gives_away = GivesAway::Nothing;
        let open = OpenSession { app: AppId(app), tag: SessionTag(tag), read_write, gives_away };
        Self::opened(partition, open)
    }

    pub(crate) fn opened(partition: &Arc<Partition>, open: OpenSession) -> Self {
        let connection = partition.connect(open.app);
        Self { session: partition.open_session(open).unwrap(), connection }
    }

    /// A session of an application with the Crypto Officer logged in.
    pub(crate) fn logged_in(partition: &Arc<Partition>, app: u64) -> Self {
        let mut client = Self::new(partition, app, app * 100);
        client.login(Role::CryptoOfficer, USER_PIN).unwrap();
        client
    }

    pub(crate) fn ask(&mut self, request: Request) -> Result<Reply> {
        let kind = mechanism_of(&request);
        let reply = self.session.handle(request, NOW)?;
        USED.with_borrow_mut(|used| used.extend(kind));
        // Whose use it was is for the client library.
        Ok(match reply {
            Reply::Counted { reply, .. } => *reply,
            reply => reply,
        })
    }

    /// The return value of a request: CKR_OK or the error's.
    pub(crate) fn code(&mut self, request: Request) -> CK_RV {
        self.ask(request).map_or_else(|error| error.rv(), |_| CKR_OK)
    }

    pub(crate) fn login(&mut self, role: Role, pin: &str) -> Result<()> {
        self.ask(Request::Login { user: UserType::Role(role), pin: Pin::new(pin) }).map(drop)
    }

    pub(crate) fn create(&mut self, template: Vec<Attribute>) -> Result<ObjectId> {
        self.ask(Request::Create { template: Template(template) }).map(|reply| created(reply)[0])
    }

    pub(crate) fn generate(&mut self, kind: u64, template: Vec<Attribute>) -> Result<ObjectId> {
        let mechanism = Mechanism::plain(kind);
        let template = Template(template);
        self.ask(Request::GenerateKey { mechanism: mechanism.into(), template })
            .map(|reply| created(reply)[0])
    }

    /// Public key first.
    pub(crate) fn pair(
        &mut self,
        kind: u64,
        public: Vec<Attribute>,
        private: Vec<Attribute>,
    ) -> Result<(ObjectId, ObjectId)> {
        self.ask(Request::GenerateKeyPair {
            mechanism: Mechanism::plain(kind).into(),
            public: Template(public),
            private: Template(private),
        })
        .map(|reply| (created(reply.clone())[0], created(reply)[1]))
    }

    pub(crate) fn get(&mut self, object: ObjectId, kind: u64) -> AttributeResult {
        match self
            .ask(Request::GetAttributes { object, kinds: vec![kind], lengths: false })
            .unwrap()
        {
            Reply::Attributes(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn bytes(&mut self, object: ObjectId, kind: u64) -> Vec<u8> {
        match self.get(object, kind) {
            AttributeResult::Value(value) => value.as_bytes().unwrap().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn flag(&mut self, object: ObjectId, kind: u64) -> bool {
        match self.get(object, kind) {
            AttributeResult::Value(value) => value.as_bool().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn set(&mut self, object: ObjectId, attribute: Attribute) -> CK_RV {
        self.code(Request::SetAttributes { object, template: Template(vec![attribute]) })
    }

    pub(crate) fn find(&mut self, template: Vec<Attribute>) -> Vec<ObjectId> {
        match self.ask(Request::Find { template: Template(template) }).unwrap() {
            Reply::Found(found) => found,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn destroy(&mut self, object: ObjectId) -> CK_RV {
        self.code(Request::Destroy { object })
    }

    pub(crate) fn one_part(
        &mut self,
        kind: OperationKind,
        mechanism: &Mechanism,
        key: Option<ObjectId>,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let operation = operation(kind, mechanism, key);
        let (data, signature) = (data.to_vec().into(), Vec::new());
        self.ask(Request::OnePart { operation, data, signature }).map(bytes)
    }

    pub(crate) fn sign(
        &mut self,
        mechanism: &Mechanism,
        key: ObjectId,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        self.one_part(OperationKind::Sign, mechanism, Some(key), data)
    }

    pub(crate) fn verify(
        &mut self,
        mechanism: &Mechanism,
        key: ObjectId,
        data: &[u8],
        signature: &[u8],
    ) -> CK_RV {
        self.code(Request::OnePart {
            operation: operation(OperationKind::Verify, mechanism, Some(key)),
            data: data.to_vec().into(),
            signature: signature.to_vec(),
        })
    }

    /// The same operation in parts of `step` bytes.
    pub(crate) fn in_parts(
        &mut self,
        kind: OperationKind,
        mechanism: &Mechanism,
        key: Option<ObjectId>,
        (data, signature): (&[u8], &[u8]),
        step: usize,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut chunks = data.chunks(step);
        let operation = operation(kind, mechanism, key);
        let first = chunks.next().unwrap_or_default().to_vec();
        out.extend(bytes(self.ask(Request::Begin { operation, data: first.into() })?));
        for chunk in chunks {
            out.extend(bytes(self.ask(Request::Update { kind, data: chunk.to_vec().into() })?));
        }
        let signature = signature.to_vec();
        out.extend(bytes(self.ask(Request::Final { kind, signature })?));
        Ok(out)
    }

    pub(crate) fn wrap(
        &mut self,
        mechanism: &Mechanism,
        with: ObjectId,
        key: ObjectId,
    ) -> Result<Vec<u8>> {
        let mechanism = mechanism.clone();
        let (associated, room) = (None, Some(usize::MAX));
        self.ask(Request::Wrap {
            mechanism: mechanism.into(),
            wrapping_key: with,
            key,
            associated,
            room,
        })
        .map(bytes)
    }

    pub(crate) fn unwrap(
        &mut self,
        mechanism: &Mechanism,
        with: ObjectId,
        wrapped: &[u8],
        template: Vec<Attribute>,
    ) -> Result<ObjectId> {
        self.ask(Request::Unwrap {
            mechanism: mechanism.clone().into(),
            unwrapping_key: with,
            wrapped: wrapped.to_vec(),
            template: Template(template),
            associated: None,
        })
        .map(|reply| created(reply)[0])
    }

    pub(crate) fn derive(
        &mut self,
        mechanism: &Mechanism,
        base_key: ObjectId,
        template: Vec<Attribute>,
    ) -> Result<ObjectId> {
        let (mechanism, template) = (mechanism.clone(), Template(template));
        self.ask(Request::Derive { mechanism: mechanism.into(), base_key, template })
            .map(|reply| created(reply)[0])
    }
}

thread_local! {
    /// The mechanisms with which something was done in this test.
    static USED: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
}

/// The mechanisms with which something was done since [`forget_used`].
pub(crate) fn used() -> BTreeSet<u64> {
    USED.with_borrow(BTreeSet::clone)
}

pub(crate) fn forget_used() {
    USED.with_borrow_mut(BTreeSet::clear);
}

/// What a request does something with: a check, and a state that is saved, do nothing.
fn mechanism_of(request: &Request) -> Option<u64> {
    match request {
        Request::Check { .. } | Request::Save { .. } => None,
        request => request.mechanism(),
    }
}

pub(crate) fn operation(
    kind: OperationKind,
    mechanism: &Mechanism,
    key: Option<ObjectId>,
) -> Operation {
    Operation { kind, mechanism: Arc::new(mechanism.clone()), key }
}

fn created(reply: Reply) -> Vec<ObjectId> {
    match reply {
        Reply::Created(created) => created.objects.iter().map(|created| created.id).collect(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn bytes(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Bytes(bytes) => bytes,
        Reply::Done => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// The return value of a result.
pub(crate) fn rv<T>(result: Result<T>) -> CK_RV {
    result.map_or_else(|error: Error| error.rv(), |_| CKR_OK)
}

pub(crate) fn yes(kind: u64) -> Attribute {
    Attribute::bool(kind, true)
}

pub(crate) fn no(kind: u64) -> Attribute {
    Attribute::bool(kind, false)
}

pub(crate) fn mechanism(kind: u64, params: Params) -> Mechanism {
    Mechanism { kind, params }
}

/// A readable secret key of that type.
pub(crate) fn secret_key(key_type: u64, value: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::ulong(CKA_KEY_TYPE, key_type),
        Attribute::bytes(CKA_VALUE, value),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ]
}

/// A template with some attributes instead of others.
pub(crate) fn with(mut template: Vec<Attribute>, changes: Vec<Attribute>) -> Vec<Attribute> {
    for change in changes {
        template.retain(|attribute| attribute.kind != change.kind);
        template.push(change);
    }
    template
}

/// A template without one attribute.
pub(crate) fn without(mut template: Vec<Attribute>, kind: u64) -> Vec<Attribute> {
    template.retain(|attribute| attribute.kind != kind);
    template
}

pub(crate) const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
pub(crate) const K256: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
pub(crate) const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
pub(crate) const X25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x6e];

/// A session key pair on a curve.
pub(crate) fn ec_pair(client: &mut Client, kind: u64, params: &[u8]) -> (ObjectId, ObjectId) {
    client.pair(kind, vec![Attribute::bytes(CKA_EC_PARAMS, params)], vec![]).unwrap()
}

/// A session RSA key pair of 2048 bits.
pub(crate) fn rsa_pair(client: &mut Client) -> (ObjectId, ObjectId) {
    let bits = Attribute::ulong(CKA_MODULUS_BITS, 2048);
    client.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, vec![bits], vec![]).unwrap()
}
