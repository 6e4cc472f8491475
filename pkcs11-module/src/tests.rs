//! The exported functions, called as a C program would call them.

use std::{
    ptr::{null_mut, without_provenance_mut},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use hsmsim_client::{Client, InitOptions};
use hsmsim_sim_config::Topology;
use hsmsim_types::{Error, ck::*};
use parking_lot::{Mutex, MutexGuard};
use tempfile::TempDir;

use crate::{call, exports::*, instance, list::INTERFACES, raw::slices::MAX_BYTES};

mod asynchronous;
mod derivation;
mod ecies;
mod lent;
mod one_time;

/// There is one library in a process: the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The library, initialised with a state of its own.
struct Library {
    setting: Setting,
    state: TempDir,
    // Last: the turn ends when the state is gone.
    _turn: MutexGuard<'static, ()>,
}

/// How the library is initialised.
struct Setting {
    /// Lines before a shipped topology's own.
    lines: &'static str,
    topology: &'static str,
    no_threads: bool,
}

impl Setting {
    fn shipped(topology: &'static str) -> Self {
        Self { lines: "", topology, no_threads: false }
    }
}

impl Library {
    fn new() -> Self {
        Self::over("", "instant")
    }

    fn over(lines: &'static str, topology: &'static str) -> Self {
        Self::of(Setting { lines, ..Setting::shipped(topology) })
    }

    fn of(setting: Setting) -> Self {
        let turn = TURN.lock();
        let state = tempfile::tempdir().expect("a directory");
        let Setting { lines, topology, .. } = setting;
        let text = Topology::shipped_text(topology).expect("shipped");
        std::fs::write(state.path().join("topology.toml"), format!("{lines}{text}"))
            .expect("written");
        let library = Self { setting, state, _turn: turn };
        assert_eq!(library.initialize(), CKR_OK);
        library
    }

    /// C_Initialize, but for the environment.
    fn initialize(&self) -> CK_RV {
        let path = |name| self.state.path().join(name).to_str().map(str::to_owned);
        let options = InitOptions {
            state: path("state"),
            topology: path("topology.toml"),
            no_threads: self.setting.no_threads,
        };
        call::outside("C_Initialize", || instance::initialize(|| Client::initialize(options)))
    }

    fn session(&self) -> CK_SESSION_HANDLE {
        let (mut slots, mut count, mut session) = ([0; 64], 64, 0);
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        // SAFETY: valid pointers.
        unsafe {
            assert_eq!(C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count), CKR_OK);
            let opened = C_OpenSession(slots[0], flags, null_mut(), None, &mut session);
            assert_eq!(opened, CKR_OK);
        }
        session
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: NULL.
        unsafe { C_Finalize(null_mut()) };
    }
}

type Any = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64) -> CK_RV;

/// All functions of the newest list in its order, with zeros, that is NULL, for every argument.
fn call_all_with_nothing() -> Vec<CK_RV> {
    let first = INTERFACES[0].raw.pFunctionList.cast::<usize>();
    let call = |index: usize| {
        // SAFETY: the list has 104 pointers behind its version. The calling convention lets a
        // function be called with more arguments than it takes; none of them is a pointer but NULL.
        unsafe {
            let function = first.add(1 + index).cast::<Any>().read();
            function(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        }
    };
    // C_Initialize and C_Finalize, which come first, are tested elsewhere.
    (2..104).map(call).collect()
}

/// Places of C_GetFunctionList, C_GetInterfaceList and C_GetInterface in that answer: they need no
/// C_Initialize.
const WITHOUT_CLIENT: [usize; 3] = [1, 66, 67];

#[test]
fn before_c_initialize_every_function_says_so() {
    let _turn = TURN.lock();
    for (index, rv) in call_all_with_nothing().into_iter().enumerate() {
        let expected = if WITHOUT_CLIENT.contains(&index) {
            CKR_ARGUMENTS_BAD
        } else {
            CKR_CRYPTOKI_NOT_INITIALIZED
        };
        assert_eq!(rv, expected, "{index}");
    }
    // SAFETY: NULL.
    unsafe {
        assert_eq!(C_Finalize(null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(CA_GetHAState(1, null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(CA_GetFunctionList(null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(ca_not_supported(), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}

#[test]
fn nothing_for_every_argument_is_refused_by_every_function() {
    let _library = Library::new();
    let answers = call_all_with_nothing();
    for (index, rv) in answers.iter().enumerate() {
        let refusals = [
            CKR_ARGUMENTS_BAD,
            CKR_SESSION_HANDLE_INVALID,
            CKR_SLOT_ID_INVALID,
            CKR_FUNCTION_NOT_PARALLEL,
        ];
        assert!(refusals.contains(rv), "{index}: {rv:#x}");
    }
    let count = |wanted| answers.iter().filter(|&&rv| rv == wanted).count();
    assert_eq!(count(CKR_FUNCTION_NOT_PARALLEL), 2);
}

#[test]
fn a_bad_session_goes_before_a_bad_argument() {
    let library = Library::new();
    let (nowhere, mut len) = (without_provenance_mut(8), 0);
    // SAFETY: what is not NULL comes with a length that is refused unread.
    unsafe {
        for (session, expected) in
            [(library.session(), CKR_ARGUMENTS_BAD), (u64::MAX, CKR_SESSION_HANDLE_INVALID)]
        {
            assert_eq!(C_Login(session, CKU_USER, null_mut(), 0), expected);
            assert_eq!(C_SeedRandom(session, nowhere, u64::MAX), expected);
            assert_eq!(C_GenerateRandom(session, nowhere, MAX_BYTES as u64 + 1), expected);
            assert_eq!(C_CreateObject(session, null_mut(), 1, &mut len), expected);
            assert_eq!(C_FindObjectsInit(session, null_mut(), 1), expected);
            assert_eq!(C_Digest(session, nowhere, u64::MAX, null_mut(), &mut len), expected);
            assert_eq!(C_Digest(session, null_mut(), 0, null_mut(), null_mut()), expected);
        }
    }
}

#[test]
fn a_reserved_pointer_is_refused_and_changes_nothing() {
    let library = Library::new();
    let session = library.session();
    let (reserved, mut slot) = (without_provenance_mut(1), 0);
    // SAFETY: the reserved pointers are not followed.
    unsafe {
        assert_eq!(C_Finalize(reserved), CKR_ARGUMENTS_BAD);
        assert_eq!(C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, reserved), CKR_ARGUMENTS_BAD);
        assert_eq!(C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut()), CKR_NO_EVENT);
        assert_eq!(C_CloseSession(session), CKR_OK);
    }
}

#[test]
fn session_cancel_ends_searches_and_ignores_what_is_not_active() {
    let library = Library::new();
    let session = library.session();
    // SAFETY: no pointer but NULL.
    unsafe {
        assert_eq!(C_SessionCancel(session, u64::MAX), CKR_OK);
        assert_eq!(C_FindObjectsInit(session, null_mut(), 0), CKR_OK);
        assert_eq!(C_SessionCancel(session, CKF_FIND_OBJECTS), CKR_OK);
        assert_eq!(C_FindObjectsInit(session, null_mut(), 0), CKR_OK);
        assert_eq!(C_SessionCancel(session + 1, CKF_FIND_OBJECTS), CKR_SESSION_HANDLE_INVALID);
    }
}

#[test]
fn no_operation_here_counts_as_validated() {
    let library = Library::new();
    let session = library.session();
    let mut flags = CK_FLAGS::MAX;
    // SAFETY: valid pointers, or NULL.
    unsafe {
        let ask = C_GetSessionValidationFlags;
        assert_eq!(ask(session, CKS_LAST_VALIDATION_OK, &mut flags), CKR_OK);
        assert_eq!(flags, 0);
        assert_eq!(ask(session, CKS_LAST_VALIDATION_OK + 1, &mut flags), CKR_ARGUMENTS_BAD);
        assert_eq!(ask(session, CKS_LAST_VALIDATION_OK, null_mut()), CKR_ARGUMENTS_BAD);
        let other = session + 1;
        let answer = ask(other, CKS_LAST_VALIDATION_OK, &mut flags);
        assert_eq!(answer, CKR_SESSION_HANDLE_INVALID);
    }
}

#[test]
fn a_digest_is_saved_and_goes_on_after_the_library_was_finalised() {
    let library = Library::new();
    let session = library.session();
    let mechanism =
        || CK_MECHANISM { mechanism: CKM_SHA256, pParameter: null_mut(), ulParameterLen: 0 };
    let (mut state, mut len) = ([0; 1024], 0);
    let mut part = *b"abc";
    // SAFETY: valid pointers with their lengths, or NULL.
    unsafe {
        let none = C_GetOperationState(session, null_mut(), &mut len);
        assert_eq!(none, CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(C_DigestInit(session, &mut mechanism()), CKR_OK);
        assert_eq!(C_DigestUpdate(session, part.as_mut_ptr(), 2), CKR_OK);
        assert_eq!(C_GetOperationState(session, null_mut(), &mut len), CKR_OK);
        let needed = len;
        assert!((32..1024).contains(&needed));
        len -= 1;
        let small = C_GetOperationState(session, state.as_mut_ptr(), &mut len);
        assert_eq!((small, len), (CKR_BUFFER_TOO_SMALL, needed));
        assert_eq!(C_GetOperationState(session, state.as_mut_ptr(), &mut len), CKR_OK);
        assert_eq!(C_Finalize(null_mut()), CKR_OK);
        assert_eq!(library.initialize(), CKR_OK);
        let session = library.session();
        let bytes = state.as_mut_ptr();
        assert_eq!(C_SetOperationState(session, bytes, len - 1, 0, 0), CKR_SAVED_STATE_INVALID);
        assert_eq!(C_SetOperationState(session, bytes, len, 0, 1), CKR_KEY_CHANGED);
        assert_eq!(C_SetOperationState(session, bytes, len, 0, 0), CKR_OK);
        assert_eq!(C_DigestUpdate(session, part.as_mut_ptr().add(2), 1), CKR_OK);
        let (mut digest, mut digest_len) = ([0; 32], 32);
        assert_eq!(C_DigestFinal(session, digest.as_mut_ptr(), &mut digest_len), CKR_OK);
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}

#[test]
fn interfaces_are_found_by_name_version_and_flags() {
    let (mut count, mut list) = (0, [INTERFACES[0].raw; 4]);
    // SAFETY: valid pointers.
    unsafe {
        assert_eq!(C_GetInterfaceList(null_mut(), &mut count), CKR_OK);
        assert_eq!(count, 3);
        count = 2;
        assert_eq!(C_GetInterfaceList(list.as_mut_ptr(), &mut count), CKR_BUFFER_TOO_SMALL);
        assert_eq!(count, 3);
        assert_eq!(C_GetInterfaceList(list.as_mut_ptr(), &mut count), CKR_OK);
    }
    let get = |name: Option<&std::ffi::CStr>, version: Option<(u8, u8)>, flags| {
        let name = name.map_or(null_mut(), |name| name.as_ptr().cast_mut().cast());
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let version = version.as_mut().map_or(null_mut(), |version| version as *mut CK_VERSION);
        let mut interface = without_provenance_mut(8);
        // SAFETY: valid pointers or NULL; the list begins with its version.
        unsafe {
            match C_GetInterface(name, version, &mut interface, flags) {
                CKR_OK => {
                    let version = (*interface).pFunctionList.cast::<CK_VERSION>().read();
                    Ok((version.major, version.minor))
                }
                rv => {
                    assert!(interface.is_null());
                    Err(rv)
                }
            }
        }
    };
    let standard = Some(c"PKCS 11");
    assert_eq!(get(None, None, 0), Ok((3, 2)));
    assert_eq!(get(standard, None, 0), Ok((3, 2)));
    assert_eq!(get(standard, Some((3, 0)), 0), Ok((3, 0)));
    assert_eq!(get(None, Some((2, 40)), 0), Ok((2, 40)));
    assert_eq!(get(standard, Some((3, 1)), 0), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(get(Some(c"Vendor X"), None, 0), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(get(Some(c""), None, 0), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(get(standard, None, CKF_INTERFACE_FORK_SAFE), Err(CKR_ARGUMENTS_BAD));
}

#[test]
fn of_several_threads_that_initialise_one_succeeds_and_all_can_go_on() {
    let library = Library::new();
    for _ in 0..20 {
        // SAFETY: NULL.
        assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
        let barrier = Barrier::new(4);
        let outcomes: Vec<_> = thread::scope(|scope| {
            let start = || {
                barrier.wait();
                let rv = library.initialize();
                // Whoever comes second may use what the first one started.
                library.session();
                rv
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(outcomes.iter().filter(|&&rv| rv == CKR_OK).count(), 1);
        let already = CKR_CRYPTOKI_ALREADY_INITIALIZED;
        assert_eq!(outcomes.iter().filter(|&&rv| rv == already).count(), 3);
    }
}

#[test]
fn a_start_that_fails_or_panics_can_be_repeated() {
    let _turn = TURN.lock();
    let failed = instance::initialize(|| Err(Error::new(CKR_GENERAL_ERROR, "for the test")));
    assert_eq!(failed.map_err(|e| e.rv()), Err(CKR_GENERAL_ERROR));
    call::keep_panics_off_stderr();
    let rv = call::outside("test", || instance::initialize(|| panic!("for the test")));
    assert_eq!(rv, CKR_GENERAL_ERROR);
    drop(_turn);
    drop(Library::new());
}

#[test]
fn calls_that_meet_c_finalize_end_well_or_find_the_library_closed() {
    for _ in 0..5 {
        let library = Library::new();
        let sessions = [library.session(), library.session(), library.session()];
        let finalised = AtomicBool::new(false);
        let warm = Barrier::new(sessions.len() + 1);
        thread::scope(|scope| {
            for session in sessions {
                let (finalised, warm) = (&finalised, &warm);
                scope.spawn(move || {
                    let mut random = [0; 64];
                    let mut calls = 0;
                    loop {
                        let late = finalised.load(Ordering::SeqCst);
                        // SAFETY: 64 bytes.
                        let rv = unsafe { C_GenerateRandom(session, random.as_mut_ptr(), 64) };
                        calls += 1;
                        if calls == 10 {
                            warm.wait();
                        }
                        assert!(!late || rv == CKR_CRYPTOKI_NOT_INITIALIZED, "{rv:#x}");
                        if rv != CKR_OK && calls >= 10 {
                            break rv;
                        }
                    }
                });
            }
            warm.wait();
            // SAFETY: NULL.
            assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
            finalised.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn a_panic_is_a_general_error() {
    call::keep_panics_off_stderr();
    assert_eq!(call::outside("test", || panic!("for the test")), CKR_GENERAL_ERROR);
    let _library = Library::new();
    let subject = call::Subject::Session(1);
    assert_eq!(call::inside("test", subject, |_| panic!("for the test")), CKR_GENERAL_ERROR);
    // The call is counted out all the same: C_Finalize does not wait for it.
    // SAFETY: NULL.
    assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
}
