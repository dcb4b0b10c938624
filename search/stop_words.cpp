// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/stop_words.hpp"

#include <array>
#include <string>
#include <unordered_set>

#include "core/string_hash.hpp"

namespace cloister::search {

namespace {

// Closed word classes, as grammars of each language list them. Of English, "us"
// and "may" are absent on purpose: one is a country too, the other a month.
constexpr std::string_view words_of_english
  = "a an the this that these those i me my mine myself we our ours ourselves "
    "you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself they them their theirs themselves one ones "
    "am is are was were be been being do does did doing done have has had "
    "having can could might must shall should will would ought "
    "isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't "
    "can't cannot couldn't mustn't shan't shouldn't won't wouldn't "
    "i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd "
    "she'll it's it'd it'll we're we've we'd we'll they're they've they'd "
    "they'll that's there's here's what's who's where's when's why's how's "
    "let's what which who whom whose when where why how and or but nor so if "
    "than then because as until while of at by for with about against between "
    "into through during before after above below to from up down in out on "
    "off over under again further once here there all any both each few more "
    "most other some such no not only own same too very just also ever s t d "
    "ll m re ve eg ie etc";

constexpr std::string_view words_of_german
  = "der die das den dem des ein eine einen einem einer eines dieser diese "
    "dieses diesen diesem jener jene jenes ich mich mir mein meine meinen "
    "meinem meiner wir uns unser unsere du dich dir dein deine ihr euch euer "
    "eure er ihn ihm sein seine seinen seinem seiner sie ihre ihren ihrem "
    "ihrer es man sich bin bist ist sind seid war warst waren wart gewesen "
    "werde wirst wird werden wurde wurden worden habe hast hat haben habt "
    "hatte hatten kann kannst können konnte konnten muss müssen musste soll "
    "sollen sollte will wollen wollte darf dürfen mag möchte möchten "
    "was wer wen wem wessen welche welcher welches welchen wann wo wohin woher "
    "warum wieso weshalb wie und oder aber denn sondern doch als wenn ob dass "
    "daß weil damit bis bevor nachdem während an auf aus bei durch für gegen "
    "hinter in im ins mit nach neben ohne seit über um unter von vom vor zu "
    "zum zur zwischen am ans beim nicht kein keine keinen keinem keiner nur "
    "auch noch schon sehr so hier da dort dann nun mehr alle allem allen aller "
    "alles andere anderen einige jede jeder jedes jeden";

constexpr std::string_view words_of_french
  = "le la les un une des du de d l au aux ce cet cette ces mon ma mes ton ta "
    "tes son sa ses notre nos votre vos leur leurs je j me m moi tu te t toi "
    "il elle on nous vous ils elles se s lui eux y en c ça cela ceci suis es "
    "est sommes êtes sont était étaient étais été être ai as a avons avez ont "
    "avait avaient eu avoir sera seront serait fait faire peut peuvent pouvoir "
    "doit doivent que qu qui quoi dont où quand comment pourquoi quel quelle "
    "quels quelles et ou mais donc or ni car si lorsque puisque parce comme "
    "dans par pour sur sous avec sans chez entre vers avant après depuis "
    "pendant contre à ne n pas plus moins très trop aussi bien tout toute tous "
    "toutes même mêmes autre autres quelque quelques ici là alors";

constexpr std::string_view words_of_spanish
  = "el la los las un una unos unas lo al del de este esta estos estas ese esa "
    "esos esas aquel aquella mi mis tu tus su sus nuestro nuestra nuestros "
    "nuestras yo me mí tú te ti él ella ello nosotros vosotros ellos ellas se "
    "le les nos os usted ustedes soy eres es somos son era eran fue fueron ser "
    "sido estoy estás está estamos están estaba estaban estar he has ha hemos "
    "han había habían haber hay puede pueden poder debe deben tiene tienen "
    "tener hace hacer qué que quién quien quiénes cuál cual cuáles cuándo "
    "cuando dónde donde cómo como por porque y e o u pero sino ni si aunque "
    "mientras en con sin sobre para entre hasta desde hacia contra ante bajo "
    "según tras durante a no más menos muy ya también tampoco todo toda todos "
    "todas otro otra otros otras algo alguno alguna algunos algunas aquí allí";

constexpr std::string_view words_of_italian
  = "il lo la i gli le un uno una l d del dello della dei degli delle al allo "
    "alla ai agli alle dal dallo dalla dai dalle nel nello nella nei negli "
    "nelle sul sullo sulla sui sulle questo questa questi queste quello quella "
    "quelli quelle mio mia miei mie tuo tua tuoi tue suo sua suoi sue nostro "
    "nostra vostro vostra loro io me mi tu te ti lui lei egli ella noi ci voi "
    "vi essi esse si ne sono sei è siamo siete era erano fu stato stata stati "
    "essere ho hai ha abbiamo avete hanno aveva avevano avere può possono deve "
    "devono fa fare che chi cui cosa quale quali quando dove come perché e ed "
    "o ma se anche di a da in con su per tra fra senza sotto sopra dopo prima "
    "non più meno molto già tutto tutta tutti tutte altro altra altri altre "
    "ancora qui lì";

constexpr std::string_view words_of_portuguese
  = "o a os as um uma uns umas do da dos das no na nos nas ao à aos às pelo "
    "pela pelos pelas este esta estes estas esse essa esses essas aquele "
    "aquela isto isso aquilo meu minha meus minhas teu tua seu sua seus suas "
    "nosso nossa nossos nossas eu me mim tu te ti ele ela nós vós eles elas se "
    "lhe lhes você vocês sou és é somos são era eram foi foram ser sido estou "
    "está estamos estão estava estavam estar tenho tem têm temos tinha tinham "
    "ter há haver pode podem poder deve devem faz fazer que quem qual quais "
    "quando onde como porque por e ou mas nem se embora enquanto em com sem "
    "sobre para entre até desde contra de não mais menos muito já também todo "
    "toda todos todas outro outra outros outras algum alguma alguns algumas "
    "aqui ali";

constexpr std::string_view words_of_dutch
  = "de het een dit dat deze die mijn jouw zijn haar ons onze jullie hun ik me "
    "mij je jij jou u uw hij hem ze zij we wij zich er is ben bent was waren "
    "geweest wordt worden werd werden heb hebt heeft hebben had hadden kan "
    "kunnen kon konden moet moeten moest mag mogen wil willen wilde zal zullen "
    "zou zouden wat wie welke welk wanneer waar waarom hoe en of maar want dus "
    "als dan toen omdat terwijl in op aan bij door met naar om onder over te "
    "ten ter tegen tot uit van voor na niet geen ook nog al zo zeer veel meer "
    "alle alles andere iets hier daar";

constexpr std::string_view words_of_swedish
  = "en ett den det de denna detta dessa min mitt mina din ditt dina sin sitt "
    "sina hans hennes vår vårt våra er ert era deras jag mig du dig han honom "
    "hon henne vi oss ni dem sig man är var vara varit blir blev bli har hade "
    "ha kan kunde ska skall skulle vill ville måste får fick vad vem vilken "
    "vilket vilka när var där varför hur och eller men för så om att som än i "
    "på av med till från vid efter före under över mellan utan mot genom inte "
    "ingen inget inga också bara mycket mer alla allt andra här nu då";

constexpr std::string_view words_of_norwegian
  = "en ei et den det de denne dette disse min mitt mine din ditt dine sin "
    "sitt sine hans hennes vår vårt våre deres jeg meg du deg han ham hun "
    "henne vi oss dere dem seg man er var være vært blir ble bli har hadde ha "
    "kan kunne skal skulle vil ville må måtte får fikk hva hvem hvilken hvilke "
    "når hvor hvorfor hvordan og eller men for så om at som enn i på av med "
    "til fra ved etter før under over mellom uten mot gjennom ikke ingen også "
    "bare mye mer alle alt andre her der nå da";

constexpr std::string_view words_of_danish
  = "en et den det de denne dette disse min mit mine din dit dine sin sit sine "
    "hans hendes vores jeres deres jeg mig du dig han ham hun hende vi os i "
    "dem sig man er var være været bliver blev blive har havde have kan kunne "
    "skal skulle vil ville må måtte får fik hvad hvem hvilken hvilke hvornår "
    "hvor hvorfor hvordan og eller men for så om at som end på af med til fra "
    "ved efter før under over mellem uden mod gennem ikke ingen også kun meget "
    "mere alle alt andre her der nu da";

constexpr std::string_view words_of_finnish
  = "minä minun minut minua minulla minulle sinä sinun sinut sinua hän hänen "
    "hänet häntä me meidän meitä te teidän teitä he heidän heitä se sen sitä "
    "siinä siitä ne niiden niitä tämä tämän tätä nämä näiden tuo tuon nuo olla "
    "olen olet on olemme olette ovat oli olivat ollut en et ei emme ette eivät "
    "mikä minkä mitä missä mistä mihin kuka kenen ketä kuka milloin miksi "
    "miten kuinka joka jonka jota jotka ja tai vai mutta sekä että kun jos "
    "koska vaan kuin niin myös vain jo vielä hyvin kaikki muu muut tässä "
    "siellä "
    "täällä nyt sitten kanssa ilman ennen jälkeen";

constexpr std::string_view words_of_hungarian
  = "a az egy ez azt ezt azok ezek én engem te téged ő őt mi minket ti titeket "
    "ők őket van vagyok vagy vannak volt voltak lesz lenne lehet kell nem ne "
    "nincs mi mit ki kit milyen melyik mikor hol hova honnan miért hogy hogyan "
    "és vagy de mert ha mint is sem csak már még meg nagyon majd itt ott akkor "
    "most minden más valami után előtt alatt között";

constexpr std::string_view words_of_romanian
  = "un o al a ai ale cel cea cei cele acest această acești aceste acel acea "
    "meu mea mei mele tău ta tăi tale său sa săi sale nostru noastră lui ei "
    "lor eu mă mine tu te tine el ea noi ne voi vă ei ele se sunt ești este e "
    "suntem sunteți era erau fost fi am ai are avem aveți au avea poate pot "
    "trebuie ce cine care când unde cum de ce și sau dar ci dacă că deși în "
    "din la pe cu fără pentru prin după înainte între spre până nu mai foarte "
    "tot toată toți toate alt altă alți alte aici acolo";

constexpr std::string_view words_of_russian
  = "и в во не что он на я с со как а то все всё она так его но да ты к у же "
    "вы за бы по только её ее мне было вот от меня ещё еще нет о из ему теперь "
    "когда даже ну ли если уже или ни быть был была были будет него до вас "
    "опять вам ведь там потом себя ей они тут где есть надо ней для мы тебя их "
    "чем сам без будто чего раз тоже себе под ж кто этот эта это эти этого "
    "этой этом того той тот том какой какая какие при об над про через мой моя "
    "моё мои твой твоя ваш наш свой своя свои можно куда зачем почему сколько";

constexpr std::string_view words_of_turkish
  = "bir bu şu o bunlar şunlar onlar ben beni bana benim sen seni sana senin "
    "onu ona onun biz bizi bize bizim siz sizi size sizin kendi ne kim kime "
    "hangi nerede nereye nereden neden niçin niye nasıl kaç ve veya ya da de "
    "ama fakat ancak çünkü eğer ki ile için gibi kadar sonra önce göre üzere "
    "değil var yok mı mi mu mü çok daha en her hiç bazı tüm bütün başka diğer "
    "burada orada şimdi olan olarak oldu olur";

constexpr std::array all_words{
  std::string_view{}, words_of_english,   words_of_german,     words_of_french,
  words_of_spanish,   words_of_italian,   words_of_portuguese, words_of_dutch,
  words_of_swedish,   words_of_norwegian, words_of_danish,     words_of_finnish,
  words_of_hungarian, words_of_romanian,  words_of_russian,    words_of_turkish,
};
static_assert(all_words.size() == language_names.size());

using word_set
  = std::unordered_set<std::string_view, string_hasher, std::equal_to<>>;

std::array<word_set, all_words.size()> make_sets() {
  std::array<word_set, all_words.size()> out;
  for (std::size_t i = 0; i < all_words.size(); ++i)
    for (auto rest = all_words[i]; !rest.empty();) {
      auto end = std::min(rest.find(' '), rest.size());
      out[i].insert(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  return out;
}

} // namespace

bool is_stop_word(std::string_view word, language in) {
  // Never destroyed: calls in flight may use it while the process ends.
  static const auto& sets = *new auto{make_sets()};
  return sets[static_cast<std::size_t>(in)].contains(word);
}

} // namespace cloister::search
