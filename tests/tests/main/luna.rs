//! Luna's functions beside the HA state, as an application that knows them calls them.

use std::{ffi::c_void, mem::MaybeUninit, ptr::null_mut};

use cryptoki::{
    context::Pkcs11,
    error::{Error, RvError},
    mechanism::Mechanism,
    object::Attribute,
    session::{Session, UserType},
};
use cryptoki_sys::{
    CK_BYTE, CK_RV, CK_SLOT_ID, CK_ULONG, CK_VERSION, CKR_ARGUMENTS_BAD,
    CKR_CRYPTOKI_NOT_INITIALIZED, CKR_FUNCTION_NOT_SUPPORTED, CKR_OBJECT_HANDLE_INVALID, CKR_OK,
    CKR_SLOT_ID_INVALID,
};
use hsmsim_tests::{Sandbox, apart::apart, build, p11, sandbox::USER_PIN, test_name};
use libloading::Library;

type Uid = [CK_BYTE; 12];
type GetFunctionList = unsafe extern "C" fn(*mut *const usize) -> CK_RV;
type GetObjectUid =
    unsafe extern "C" fn(CK_SLOT_ID, CK_ULONG, CK_ULONG, CK_ULONG, *mut Uid) -> CK_RV;
type GetObjectHandle =
    unsafe extern "C" fn(CK_SLOT_ID, CK_ULONG, *const Uid, *mut CK_ULONG, *mut CK_ULONG) -> CK_RV;
type OfSlot1 = unsafe extern "C" fn(CK_SLOT_ID, *mut CK_ULONG) -> CK_RV;
type OfSlot3 =
    unsafe extern "C" fn(CK_SLOT_ID, *mut CK_ULONG, *mut CK_ULONG, *mut CK_ULONG) -> CK_RV;

/// A slot that there is not.
const NO_SLOT: CK_SLOT_ID = 4711;

/// A function by its name: the types here are those of the public Python binding.
macro_rules! function {
    ($module:expr, $name:literal, $type:ty) => {{
        // SAFETY: the function has this type.
        let found = unsafe { $module.get::<$type>($name.as_bytes()) };
        *found.expect($name)
    }};
}

fn module() -> Library {
    // SAFETY: the module is loaded already and has no initialisers that could go wrong.
    unsafe { Library::new(build::module_path()) }.expect("the module")
}

/// The pair with member slots too.
fn with_member_slots() -> Sandbox {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../sim-config/topologies/instant.toml"
    ))
    .expect("a shipped topology");
    Sandbox::with_topology(&format!("profile = \"a790\"\n{text}\n[ha]\nha_only = false\n"))
}

/// The slot of the group, and those of its two members.
fn slots(library: &Pkcs11) -> (CK_SLOT_ID, [CK_SLOT_ID; 2]) {
    let all = library.get_all_slots().expect("C_GetSlotList");
    let of = |model: &str| -> Vec<CK_SLOT_ID> {
        let named = |slot: &cryptoki::slot::Slot| {
            let token = library.get_token_info(*slot).expect("C_GetTokenInfo");
            token.label() == "hsmsim-0" && token.model().starts_with(model)
        };
        all.iter().copied().filter(named).map(|slot| slot.id()).collect()
    };
    let (groups, members) = (of("LunaVirtual"), of("LunaSA"));
    (groups[0], members.try_into().expect("two member slots"))
}

/// A session on a slot.
fn session(library: &Pkcs11, slot: CK_SLOT_ID) -> Session {
    let slots = library.get_all_slots().expect("C_GetSlotList");
    let slot = slots.into_iter().find(|known| known.id() == slot).expect("a slot");
    library.open_rw_session(slot).expect("C_OpenSession")
}

/// A session on a slot, the crypto officer logged in.
fn officer(library: &Pkcs11, slot: CK_SLOT_ID) -> Session {
    let session = session(library, slot);
    session.login(UserType::User, Some(&p11::pin(USER_PIN))).expect("C_Login");
    session
}

#[test]
fn the_ouid_of_an_object_leads_back_to_it_on_every_member() {
    apart(test_name!(), with_member_slots, |_| {
        let library = p11::library();
        let (group, members) = slots(&library);
        let module = module();
        let uid_of = function!(module, "CA_GetObjectUID", GetObjectUid);
        let handle_of = function!(module, "CA_GetObjectHandle", GetObjectHandle);
        let open = |slot| officer(&library, slot);
        let session = open(group);
        let pair = p11::make_ec(&session, "k").expect("a key pair");
        let uid = |slot, object| {
            let mut uid: Uid = [0xEE; 12];
            // SAFETY: the function writes twelve bytes at most.
            let rv = unsafe { uid_of(slot, 0, 0, object, &mut uid) };
            (rv, uid)
        };
        let handle = |slot, uid: &Uid| {
            let (mut kind, mut object) = (99, 0);
            // SAFETY: all pointers are to variables of the right type.
            let rv = unsafe { handle_of(slot, 0, uid, &mut kind, &mut object) };
            (rv, kind, object)
        };
        let (rv, private) = uid(group, pair.private.handle());
        assert_eq!(rv, CKR_OK);
        let (_, public) = uid(group, pair.public.handle());
        assert_ne!(private, public);
        assert_eq!(handle(group, &private), (CKR_OK, 0, pair.private.handle()));
        for member in members {
            let session = open(member);
            let (rv, _, object) = handle(member, &private);
            assert_eq!(rv, CKR_OK);
            assert_eq!(uid(member, object), (CKR_OK, private));
            let found = session.find_objects(&[Attribute::Id("k".into())]).expect("C_FindObjects");
            assert!(found.iter().any(|known| known.handle() == object));
        }
        // A private key is there for who is logged in only.
        session.logout().expect("C_Logout");
        assert_eq!(handle(group, &private).0, CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(handle(group, &public), (CKR_OK, 0, pair.public.handle()));
        session.login(UserType::User, Some(&p11::pin(USER_PIN))).expect("C_Login");
        assert_eq!(handle(group, &private).0, CKR_OK);
        session.destroy_object(pair.private).expect("C_DestroyObject");
        assert_eq!(uid(group, pair.private.handle()).0, CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(handle(group, &private).0, CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(uid(NO_SLOT, pair.public.handle()).0, CKR_SLOT_ID_INVALID);
        // SAFETY: NULL is refused; there are no objects of other kinds.
        unsafe {
            let object = pair.public.handle();
            assert_eq!(uid_of(group, 0, 0, object, null_mut()), CKR_ARGUMENTS_BAD);
            assert_eq!(uid_of(group, 0, 4, object, &mut [0; 12]), CKR_ARGUMENTS_BAD);
            let rv = handle_of(group, 0, std::ptr::null(), &mut 0, &mut 0);
            assert_eq!(rv, CKR_ARGUMENTS_BAD);
        }
    });
}

#[test]
fn firmware_and_server_are_told() {
    apart(test_name!(), with_member_slots, |_| {
        let library = p11::library();
        let (group, members) = slots(&library);
        let module = module();
        let firmware = function!(module, "CA_GetFirmwareVersion", OfSlot3);
        let mut version = [99; 3];
        let [major, minor, subminor] = &mut version;
        // SAFETY: all pointers are to numbers, or NULL.
        unsafe {
            assert_eq!(firmware(group, major, minor, subminor), CKR_OK);
            assert_eq!(firmware(NO_SLOT, major, minor, subminor), CKR_SLOT_ID_INVALID);
            assert_eq!(firmware(group, major, minor, null_mut()), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(version, [7, 0, 3]);
        let server = function!(module, "CA_GetServerInstanceBySlotID", OfSlot1);
        let mut instance = 99;
        for (number, member) in members.into_iter().enumerate() {
            // SAFETY: the pointer is to a number.
            assert_eq!(unsafe { server(member, &mut instance) }, CKR_OK);
            assert_eq!(instance, number as CK_ULONG);
        }
        // SAFETY: the pointer is to a number.
        assert_eq!(unsafe { server(group, &mut instance) }, CKR_FUNCTION_NOT_SUPPORTED);
    });
}

#[test]
fn a_template_in_which_everything_is_true_is_refused() {
    apart(test_name!(), with_member_slots, |_| {
        let library = p11::library();
        let (group, _) = slots(&library);
        let session = officer(&library, group);
        let usages =
            [Attribute::Encrypt(true), Attribute::Verify(true), Attribute::Wrap(true)].to_vec();
        let size = [Attribute::ModulusBits(2048.into()), Attribute::Token(false)];
        let make = |more: Attribute| {
            let public = [&size[..], &usages, &[more]].concat();
            let private = [Attribute::Decrypt(true), Attribute::Sign(true)];
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
        };
        // Whatever an RSA key can do is taken.
        let (public, _) = make(Attribute::Derive(false)).expect("C_GenerateKeyPair");
        let inconsistent =
            |refused: Error| matches!(refused, Error::Pkcs11(RvError::TemplateInconsistent, _));
        assert!(inconsistent(make(Attribute::Derive(true)).expect_err("an RSA key derives none")));
        let change = session.update_attributes(public, &[Attribute::Derive(true)]);
        assert!(inconsistent(change.expect_err("nor later")));
    });
}

#[test]
fn a_member_s_slot_has_no_ha_state() {
    apart(test_name!(), with_member_slots, |_| {
        let library = p11::library();
        let (group, members) = slots(&library);
        let module = module();
        type GetHaState = unsafe extern "C" fn(CK_SLOT_ID, *mut c_void) -> CK_RV;
        // As long as the structure of the vendor's header, and longer.
        let mut state = MaybeUninit::<[u64; 512]>::uninit();
        for name in ["CA_GetHAState", "CA_GetCurrentHAState"] {
            // SAFETY: the function has this type, and the structure's room is there.
            let call = |slot| unsafe {
                let function = module.get::<GetHaState>(name.as_bytes()).expect(name);
                function(slot, state.as_mut_ptr().cast())
            };
            let codes = [group, members[0], members[1], NO_SLOT].map(call);
            let none = CKR_FUNCTION_NOT_SUPPORTED;
            assert_eq!(codes, [CKR_OK, none, none, CKR_SLOT_ID_INVALID], "{name}");
        }
    });
}

#[test]
fn a_restart_ends_sessions_and_login_of_its_slot_only() {
    apart(test_name!(), with_member_slots, |_| {
        let library = p11::library();
        let (group, members) = slots(&library);
        let module = module();
        let restart = function!(module, "CA_Restart", unsafe extern "C" fn(CK_SLOT_ID) -> CK_RV);
        let ours = officer(&library, group);
        let other = session(&library, members[0]);
        // SAFETY: the function takes a slot.
        unsafe {
            assert_eq!(restart(NO_SLOT), CKR_SLOT_ID_INVALID);
            assert_eq!(restart(group), CKR_OK);
        }
        assert!(ours.get_session_info().is_err());
        assert!(other.get_session_info().is_ok());
        // Nobody is logged in any more.
        officer(&library, group);
    });
}

#[test]
fn what_is_not_here_says_so_and_the_list_leads_to_what_is() {
    apart(test_name!(), with_member_slots, |_| {
        let module = module();
        let list_of = function!(module, "CA_GetFunctionList", GetFunctionList);
        let mut list = std::ptr::null();
        // SAFETY: the function writes one pointer.
        assert_eq!(unsafe { list_of(&mut list) }, CKR_OK);
        // SAFETY: a version, padded to a pointer's size, and at least 241 pointers.
        let (version, pointers) = unsafe {
            (list.cast::<CK_VERSION>().read(), std::slice::from_raw_parts(list.add(1), 241))
        };
        assert_eq!(version.major, 2);
        for (place, name) in [
            (1, "CA_WaitForSlotEvent"),
            (24, "CA_Restart"),
            (26, "CA_CloseApplicationID"),
            (28, "CA_OpenApplicationID"),
            (30, "CA_SetApplicationID"),
            (103, "CA_GetTokenStatus"),
            (139, "CA_GetHAState"),
            (151, "CA_GetObjectUID"),
            (152, "CA_GetObjectHandle"),
            (237, "CA_GetServerInstanceBySlotID"),
            (240, "CA_GetFirmwareVersion"),
        ] {
            // SAFETY: the symbol is a function's; it is not called.
            let symbol = unsafe { module.get::<unsafe extern "C" fn()>(name.as_bytes()) };
            assert_eq!(pointers[place], *symbol.expect(name) as usize, "{name}");
        }
        let set = function!(
            module,
            "CA_SetApplicationID",
            unsafe extern "C" fn(CK_ULONG, CK_ULONG) -> CK_RV
        );
        type OfSlot = unsafe extern "C" fn(CK_SLOT_ID, CK_ULONG, CK_ULONG) -> CK_RV;
        let open = function!(module, "CA_OpenApplicationID", OfSlot);
        let close = function!(module, "CA_CloseApplicationID", OfSlot);
        let status = function!(module, "CA_GetTokenStatus", OfSlot3);
        type Wait =
            unsafe extern "C" fn(CK_ULONG, *mut CK_ULONG, *mut CK_ULONG, *mut c_void) -> CK_RV;
        let wait = function!(module, "CA_WaitForSlotEvent", Wait);
        // SAFETY: all pointers are to variables of the right type, or NULL.
        let codes = || unsafe {
            let (a, b, c) = (&mut 0, &mut 0, &mut 0);
            let waited = wait(1, [0, 0].as_mut_ptr(), a, null_mut());
            [set(1, 2), open(1, 1, 2), close(1, 1, 2), status(1, a, b, c), waited]
        };
        assert_eq!(codes(), [CKR_CRYPTOKI_NOT_INITIALIZED; 5]);
        let _library = p11::library();
        assert_eq!(codes(), [CKR_FUNCTION_NOT_SUPPORTED; 5]);
    });
}
