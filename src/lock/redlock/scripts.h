#pragma once

#include <string_view>

// The scripts of the wire contract. Their digests are those that SCRIPT LOAD gives; a live test compares them.
namespace itemgate::redlock {

struct Script {
  std::string_view text;
  std::string_view digest;
};

/// KEYS[1] key, ARGV[1] id: deletes the key if its value is the id. 1 if so, else 0.
inline constexpr std::string_view kUnlockText =
    "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0";

/// The same, and tells who waits; where the ACL forbids that, it is left out.
inline constexpr std::string_view kUnlockAndPublishText =
    "if redis.call('get',KEYS[1])==ARGV[1] then local n=redis.call('del',KEYS[1]) "
    "redis.pcall('publish',KEYS[1],'') return n end return 0";

/// KEYS keys, ARGV their ids, and then "publish" or nothing: the same for many. For each 1 or 0, or the error that its
/// key met.
inline constexpr std::string_view kUnlockManyText =
    "local result,tell={},ARGV[#KEYS+1]=='publish' for i,key in ipairs(KEYS) do "
    "local v=redis.pcall('get',key) if v==ARGV[i] then result[i]=redis.pcall('del',key) "
    "if tell and result[i]==1 then redis.pcall('publish',key,'') end "
    "elseif type(v)=='table' then result[i]=v else result[i]=0 end end return result";

/// KEYS[1] key, ARGV[1] id, ARGV[2] expiry in ms. 1 if extended, 0 if the key is missing, -1 if it is another's.
inline constexpr std::string_view kExtendText =
    "local v=redis.call('get',KEYS[1]) if v==ARGV[1] then return "
    "redis.call('pexpire',KEYS[1],ARGV[2]) end "
    "if v then return -1 end return 0";

/// The same, but a missing key is set again, as RedLock.net does.
inline constexpr std::string_view kExtendOrSetText =
    "local v=redis.call('get',KEYS[1]) if v==ARGV[1] then return "
    "redis.call('pexpire',KEYS[1],ARGV[2]) end "
    "if v then return -1 end redis.call('set',KEYS[1],ARGV[1],'PX',ARGV[2]) return 1";

inline constexpr Script kUnlockScript = {kUnlockText, "fab5aabdaac7aab1eaa85bbed1724dee07d7744a"};
inline constexpr Script kUnlockAndPublishScript = {kUnlockAndPublishText,
                                                   "906f59a939dfaae20c5d6a9d8b82cce54d886f7e"};
inline constexpr Script kUnlockManyScript = {kUnlockManyText,
                                             "de947f7a6dc6f15d84759e4449947594e77e6b38"};
inline constexpr Script kExtendScript = {kExtendText, "cdbed6d1956967846df4a7a83a1470738efee684"};
inline constexpr Script kExtendOrSetScript = {kExtendOrSetText,
                                              "befe3f934513d318bf002d8964047c464a678ada"};

}  // namespace itemgate::redlock
